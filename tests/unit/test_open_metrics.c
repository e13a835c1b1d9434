// SPDX-License-Identifier: BSD-2-Clause
#include "output/open_metrics.h"

#include <stdlib.h>

#include "unit_test.h"
#include "util/cleanup.h"

static void check(const char *value, const char *expected)
{
	const struct metric_family family = {"x", NULL, "Help.", false};
	const struct metric_label label = {"name", value};
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	open_metrics__sample(out, &family, &label, 1, 1);
	fclose(out);
	assert_string_equal(text, expected);
}

static void test_values(void **state)
{
	(void)state;
	check("", "x{name=\"\"} 1\n");
	check("a\\b\"c\nd", "x{name=\"a\\\\b\\\"c\\nd\"} 1\n");
	check("\033]0;owned\007\r\t\x01", "x{name=\"?]0;owned????\"} 1\n");
	check("\xc2\x9b[2J\x7f\xe2\x80\xae\xff",
	      "x{name=\"\xef\xbf\xbd[2J\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"} 1\n");
	check("caf\xc3\xa9", "x{name=\"caf\xc3\xa9\"} 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
