// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alert_destination.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"
#include "util/cleanup.h"

static void check_label(const char *text, const char *expected)
{
	_cleanup_free_ char *label = alert_destination__label(text);

	assert_string_equal(label, expected);
}

static void test_labels(void **state)
{
	(void)state;
	check_label("http://host:9093", "http://host:9093");
	check_label("http://user:hunter2@host:9093/x", "http://***@host:9093/x");
	check_label("http://user:hun@ter2@host", "http://***@host");
	check_label("http://user:hun/ter2@host", "http://***@host");
	check_label("https://host/?token=hunter2", "https://host/?***");
	check_label("https://u:hunter2@host#hunter2", "https://***@host?***");
	check_label("htp:/user:hunter2@host", "***@host");
	check_label("@://hunter2", "@://hunter2");
	check_label("exec:/bin/notify --password hunter2", "exec:/bin/notify");
	check_label("exec: notify\thunter2", "exec: notify");
	check_label("exec:", "exec:");
	check_label("", "");
}

static void test_parse(void **state)
{
	static const char *const bad[] = {"", "exec:", "exec: \t", "ftp://u:hunter2@h",
					  "u:hunter2@h"};
	_cleanup_(alert_destination__release) struct alert_destination to = {};
	struct failure failure;

	(void)state;
	assert_int_equal(alert_destination__parse(&to, "http://u:hunter2@h:1", &failure), 0);
	assert_string_equal(to.url, "http://u:hunter2@h:1/api/v2/alerts");
	assert_string_equal(to.label, "http://***@h:1");
	assert_null(to.command);
	alert_destination__release(&to);
	assert_int_equal(alert_destination__parse(&to, "exec:run hunter2", &failure), 0);
	assert_string_equal(to.command, "run hunter2");
	assert_string_equal(to.label, "exec:run");
	assert_null(to.url);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct alert_destination none = {};

		assert_int_equal(alert_destination__parse(&none, bad[i], &failure), -EINVAL);
		assert_null(none.label);
		assert_null(strstr(failure.text, "hunter2"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
