// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alert_rule.h"

#include <errno.h>
#include <string.h>

#include "unit_test.h"
#include "util/cleanup.h"

static void check(const char *text, enum alert_metric metric, bool below, double value,
		  double for_s)
{
	_cleanup_(alert_rule__release) struct alert_rule rule = {};
	struct failure failure;

	assert_int_equal(alert_rule__parse(&rule, text, &failure), 0);
	assert_string_equal(rule.text, text);
	assert_int_equal(rule.metric, metric);
	assert_int_equal(rule.below, below);
	assert_true(rule.value == value && rule.for_s == for_s);
}

static void test_rules(void **state)
{
	(void)state;
	check("pinned_bytes > 64MiB for 60s", ALERT_PINNED_BYTES, false, 64 << 20, 60);
	check("pinned_arenas > 3", ALERT_PINNED_ARENAS, false, 3, 0);
	check("fragmentation > 90%", ALERT_FRAGMENTATION, false, 0.9, 0);
	check("fragmentation < 0.25 for 2m", ALERT_FRAGMENTATION, true, 0.25, 120);
	check("\thostage_bytes  >  4096 ", ALERT_HOSTAGE_BYTES, false, 4096, 0);
	check("growth_per_minute > 1G", ALERT_GROWTH, false, 1UL << 30, 0);
	check("arena_bytes < 1K for 1h", ALERT_ARENA_BYTES, true, 1024, 3600);
	check("rss > 2GiB", ALERT_RSS, false, 2UL << 30, 0);
	check("unexplained > 1M", ALERT_UNEXPLAINED, false, 1 << 20, 0);
	check("malloc_in_use > 1M", ALERT_MALLOC_IN_USE, false, 1 << 20, 0);
	check("malloc_free > 1M", ALERT_MALLOC_FREE, false, 1 << 20, 0);
	check("malloc_trimmable > 1M for 5m", ALERT_MALLOC_TRIMMABLE, false, 1 << 20, 300);
}

static void test_no_rules(void **state)
{
	static const char *const texts[] = {
		"",
		"pinned_bytes",
		"pinned_bytes >",
		"> 3",
		"bytes > 3",
		"pinned_bytes >= 3",
		"pinned_bytes > -3",
		"pinned_bytes > 3 MiB",
		"pinned_bytes > 3 for",
		"pinned_bytes > 3 for 0s",
		"pinned_bytes > 3 since 1s",
		"pinned_bytes > 3 for 1s more",
		"pinned_bytes > 3 for 1s where",
		"pinned_bytes > 3 where app",
		"pinned_bytes > 3 where app=",
		"pinned_bytes > 3 where =x",
		"pinned_bytes > 3 where pid=1",
		"pinned_bytes > 3 where app=a app=b",
		"pinned_bytes > 3 where app=a for 1s",
		"a b c d e f g h i j k l m n o p q r s t u v w x y z",
		"fragmentation > 50",
		"fragmentation > 1.5",
		"fragmentation > 150%",
		"fragmentation > nan",
		"pinned_arenas > inf",
		"pinned_arenas > 1x",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct alert_rule rule = {.value = 17};
		struct failure failure = {};

		assert_int_equal(alert_rule__parse(&rule, texts[i], &failure), -EINVAL);
		assert_true(rule.value == 17 && !rule.text);
		assert_non_null(strstr(failure.text, "; example: 'pinned_bytes"));
		if (!strncmp(texts[i], "fragmentation", strlen("fragmentation")))
			assert_non_null(strstr(failure.text, "50% or 0.5"));
	}
}

/* A pattern could have any length, but a rule is sent in a message of bounded size. */
static void test_long_rules(void **state)
{
	char text[ALERT_RULE_BYTES_MAX + 2];
	struct alert_rule rule = {};
	struct failure failure = {};

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "pinned_bytes > 3 where app=", 27);
	text[ALERT_RULE_BYTES_MAX] = '\0';
	assert_int_equal(alert_rule__parse(&rule, text, &failure), 0);
	alert_rule__release(&rule);
	text[ALERT_RULE_BYTES_MAX] = 'x';
	text[ALERT_RULE_BYTES_MAX + 1] = '\0';
	assert_int_equal(alert_rule__parse(&rule, text, &failure), -EINVAL);
	assert_non_null(strstr(failure.text, "longer than 1000 bytes"));
}

static void test_whom_a_rule_is_about(void **state)
{
	_cleanup_(alert_rule__release) struct alert_rule any = {}, some = {};
	const char *const web[ALERT_KEY_CNT] = {"web.py", "python3", "www", "web.service"};
	const char *const other[ALERT_KEY_CNT] = {"web.py", "python3", "root", "web.service"};
	const char *const unknown[ALERT_KEY_CNT] = {[ALERT_KEY_COMM] = "python3"};
	struct failure failure;

	(void)state;
	assert_int_equal(alert_rule__parse(&any, "pinned_arenas > 1", &failure), 0);
	assert_true(alert_rule__is_about(&any, web) && alert_rule__is_about(&any, unknown));
	assert_int_equal(alert_rule__parse(&some,
					   "pinned_arenas > 1 for 2s where user=w?w app=web* "
					   "unit=[vw]eb.service comm=python3",
					   &failure),
			 0);
	assert_true(some.for_s == 2);
	assert_true(alert_rule__is_about(&some, web));
	assert_false(alert_rule__is_about(&some, other));
	assert_false(alert_rule__is_about(&some, unknown));
}

static void test_measures(void **state)
{
	struct findings findings = {
		.measure.totals = {.region_bytes = 1000, .live_bytes = 250},
		.pinned = {.bytes = 400, .hostage_bytes = 300, .region_cnt = 2},
	};
	const struct alert_measures measures = {.findings = &findings,
						.growth_per_minute = -5,
						.memory = {7000, 70, 600, 500, 400}};
	const double expected[ALERT_METRIC_CNT] = {400,	 2,  300, 0.75, 1000, -5,
						   7000, 70, 600, 500,	400};

	(void)state;
	for (int metric = 0; metric < ALERT_METRIC_CNT; metric++) {
		struct alert_rule rule = {.metric = (enum alert_metric)metric,
					  .value = expected[metric]};

		assert_true(alert_rule__measure(&rule, &measures) == expected[metric]);
		assert_false(alert_rule__is_true(&rule, expected[metric]));
		assert_true(alert_rule__is_true(&rule, expected[metric] + 0.1));
		rule.below = true;
		assert_false(alert_rule__is_true(&rule, expected[metric]));
		assert_true(alert_rule__is_true(&rule, expected[metric] - 0.1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),	   cmocka_unit_test(test_no_rules),
		cmocka_unit_test(test_long_rules), cmocka_unit_test(test_whom_a_rule_is_about),
		cmocka_unit_test(test_measures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
