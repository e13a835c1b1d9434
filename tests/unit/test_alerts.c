// SPDX-License-Identifier: BSD-2-Clause
/* Alerts for made-up processes and times. The notifications are recorded as text. */
#include "alerts/alerts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"
#include "util/cleanup.h"

#define SECOND_NS 1000000000UL

struct told {
	char text[1024];
};

/* Of process 1: "+1" starts to fire, "=1" still fires, "-1" is resolved. */
static void tell(void *context, const struct alert_rule *rule, const struct alert *alert)
{
	struct told *told = context;
	size_t used = strlen(told->text);

	(void)rule;
	snprintf(told->text + used, sizeof(told->text) - used, "%s%c%d%s%s", used ? " " : "",
		 !alert->is_firing    ? '-'
		 : alert->is_reported ? '='
				      : '+',
		 alert->pid, *alert->types ? ":" : "", alert->types);
}

static void assert_told(struct told *told, const char *expected)
{
	assert_string_equal(told->text, expected);
	*told->text = '\0';
}

static struct alerts new_alerts(const char *rule)
{
	struct alerts alerts = {};
	struct failure failure;

	assert_int_equal(alerts__add_rule(&alerts, rule, &failure), 0);
	return alerts;
}

static struct findings findings[4];

static struct alert_subject subject_of(pid_t pid, uint64_t pinned_bytes)
{
	static const struct pin_summary pins = {.kinds = {{.name = (char *)"tuple"}},
						.kind_cnt = 1};

	findings[pid].pinned.bytes = pinned_bytes;
	return (struct alert_subject){.pid = pid,
				      .keys = {[ALERT_KEY_COMM] = pid == 1 ? "one" : "other"},
				      .measures.findings = &findings[pid],
				      .pins = &pins,
				      .kinds_ns = UINT64_MAX};
}

static void check_one(struct alerts *alerts, struct alert_subject subject, uint64_t second,
		      struct told *told)
{
	assert_int_equal(alerts__check(alerts, &subject, 1, second * SECOND_NS, tell, told), 0);
}

static void test_it_fires_when_it_was_true_for_long_enough(void **state)
{
	_cleanup_(alerts__release) struct alerts alerts = new_alerts("pinned_bytes > 10 for 5s");
	struct told told = {};

	(void)state;
	check_one(&alerts, subject_of(1, 10), 1, &told);
	check_one(&alerts, subject_of(1, 11), 2, &told);
	check_one(&alerts, subject_of(1, 11), 6, &told);
	/* The duration is counted anew. */
	check_one(&alerts, subject_of(1, 10), 7, &told);
	check_one(&alerts, subject_of(1, 11), 8, &told);
	check_one(&alerts, subject_of(1, 11), 12, &told);
	assert_told(&told, "");
	check_one(&alerts, subject_of(1, 12), 13, &told);
	assert_told(&told, "+1:tuple");
	assert_int_equal(alerts__firing_cnt(&alerts), 1);
	check_one(&alerts, subject_of(1, 12), 72, &told);
	assert_told(&told, "");
	check_one(&alerts, subject_of(1, 12), 73, &told);
	assert_told(&told, "=1:tuple");
	check_one(&alerts, subject_of(1, 10), 74, &told);
	assert_told(&told, "-1:tuple");
	assert_int_equal(alerts__firing_cnt(&alerts), 0);
	assert_int_equal(alerts.fired_cnt, 1);
}

static struct alert_subject with_rss(uint64_t rss)
{
	struct alert_subject subject = subject_of(1, 0);

	subject.measures.memory.rss = rss;
	return subject;
}

/* An alert stays as it is while its metric is not known. */
static void test_unknown_metric(void **state)
{
	_cleanup_(alerts__release) struct alerts alerts = new_alerts("rss > 10");
	struct told told = {};

	(void)state;
	assert_true(alerts__need_memory(&alerts));
	check_one(&alerts, with_rss(FIGURE_UNKNOWN), 1, &told);
	assert_told(&told, "");
	check_one(&alerts, with_rss(11), 2, &told);
	assert_told(&told, "+1:tuple");
	check_one(&alerts, with_rss(FIGURE_UNKNOWN), 3, &told);
	assert_told(&told, "");
	assert_int_equal(alerts__firing_cnt(&alerts), 1);
	check_one(&alerts, with_rss(9), 4, &told);
	assert_told(&told, "-1:tuple");
}

static void test_it_waits_for_who_pins(void **state)
{
	_cleanup_(alerts__release) struct alerts alerts = new_alerts("pinned_bytes > 10 for 5s");
	struct alert_subject subject = subject_of(1, 11);
	struct told told = {};

	(void)state;
	/* Types found before the condition had held long enough are not used. */
	subject.kinds_ns = 5 * SECOND_NS;
	check_one(&alerts, subject, 1, &told);
	for (uint64_t second = 6; second < 16; second++) {
		assert_int_equal(alerts__check(&alerts, &subject, 1, second * SECOND_NS, tell,
					       &told),
				 0);
		assert_true(subject.wants_kinds && subject.has_alert);
		subject.wants_kinds = false;
	}
	assert_told(&told, "");
	/* But not forever. */
	check_one(&alerts, subject, 16, &told);
	assert_told(&told, "+1:tuple");
}

static void test_it_does_not_wait_at_the_end(void **state)
{
	_cleanup_(alerts__release) struct alerts alerts = new_alerts("pinned_bytes > 10");
	struct alert_subject subject = subject_of(1, 11);
	struct told told = {};

	(void)state;
	subject.kinds_ns = 0;
	check_one(&alerts, subject, 1, &told);
	assert_told(&told, "");
	alerts.is_last_check = true;
	check_one(&alerts, subject, 1, &told);
	assert_told(&told, "+1:tuple");
}

static void test_each_process_has_its_own(void **state)
{
	_cleanup_(alerts__release) struct alerts alerts = new_alerts("pinned_bytes > 10");
	struct alert_subject both[] = {subject_of(1, 11), subject_of(2, 11)};
	struct told told = {};

	(void)state;
	assert_int_equal(alerts__check(&alerts, both, 2, SECOND_NS, tell, &told), 0);
	assert_told(&told, "+1:tuple +2:tuple");
	/* An alert about a process that has exited is resolved. */
	assert_int_equal(alerts__check(&alerts, &both[1], 1, 2 * SECOND_NS, tell, &told), 0);
	assert_told(&told, "-1:tuple");
}

static void test_rules_are_about_some(void **state)
{
	_cleanup_(alerts__release) struct alerts alerts =
		new_alerts("pinned_bytes > 10 where comm=o*r");
	struct alert_subject both[] = {subject_of(1, 11), subject_of(2, 11)};
	struct told told = {};

	(void)state;
	assert_int_equal(alerts__check(&alerts, both, 2, SECOND_NS, tell, &told), 0);
	assert_told(&told, "+2:tuple");
	assert_true(!both[0].has_alert && both[1].has_alert);
}

static void test_rules_that_stay_are_not_told_again(void **state)
{
	_cleanup_(alerts__release) struct alerts alerts = new_alerts("pinned_bytes > 10"),
						 fresh = new_alerts("pinned_bytes > 5");
	struct told told = {};
	struct failure failure;

	(void)state;
	check_one(&alerts, subject_of(1, 11), 1, &told);
	assert_told(&told, "+1:tuple");
	assert_int_equal(alerts__add_rule(&fresh, "pinned_bytes > 10", &failure), 0);
	alerts__replace_rules(&alerts, &fresh, tell, &told);
	assert_told(&told, "");
	check_one(&alerts, subject_of(1, 11), 2, &told);
	assert_told(&told, "+1:tuple"); /* those found later */
	alerts__replace_rules(&alerts, &fresh, tell, &told);
	assert_told(&told, "-1:tuple -1:tuple");
	assert_int_equal(alerts.rule_cnt, 0);
}

#define MANY 40000

static void count(void *context, const struct alert_rule *rule, const struct alert *alert)
{
	long *cnt = context;

	(void)rule;
	*cnt += alert->is_firing ? 1 : -1;
}

/* With a linear search this would take minutes. */
static void test_very_many(void **state)
{
	_cleanup_(alerts__release) struct alerts alerts = new_alerts("pinned_bytes > 10");
	_cleanup_free_ struct alert_subject *subjects = calloc(MANY, sizeof(*subjects));
	struct failure failure;
	long cnt = 0;

	(void)state;
	assert_non_null(subjects);
	for (int i = 0; i < 3; i++)
		assert_int_equal(alerts__add_rule(&alerts, "pinned_bytes > 5", &failure), 0);
	/* Not sorted by pid: the last ones first. */
	for (pid_t i = 0; i < MANY; i++) {
		subjects[i] = subject_of(1, 11);
		subjects[i].pid = MANY - i;
	}
	for (uint64_t second = 1; second < 5; second++) {
		assert_int_equal(alerts__check(&alerts, subjects, MANY, second * SECOND_NS, count,
					       &cnt),
				 0);
		assert_int_equal(cnt, 4L * MANY);
		assert_int_equal(alerts.cnt, 4 * MANY);
	}
	/*
	 * Half of them have exited and others have started; the remaining ones are not reported
	 * again.
	 */
	for (pid_t i = 0; i < MANY; i += 2)
		subjects[i].pid = 2 * MANY + i;
	assert_int_equal(alerts__check(&alerts, subjects, MANY, 5 * SECOND_NS, count, &cnt), 0);
	assert_int_equal(cnt, 4L * MANY);
	assert_int_equal(alerts.fired_cnt, 6 * MANY);
	assert_int_equal(alerts__firing_cnt(&alerts), 4 * MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_fires_when_it_was_true_for_long_enough),
		cmocka_unit_test(test_unknown_metric),
		cmocka_unit_test(test_it_waits_for_who_pins),
		cmocka_unit_test(test_it_does_not_wait_at_the_end),
		cmocka_unit_test(test_each_process_has_its_own),
		cmocka_unit_test(test_rules_are_about_some),
		cmocka_unit_test(test_rules_that_stay_are_not_told_again),
		cmocka_unit_test(test_very_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
