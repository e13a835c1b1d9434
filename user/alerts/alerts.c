// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alerts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"

static void release_alert(struct alert *alert)
{
	free(alert->name);
	free(alert->types);
	free(alert->sites);
}

void alerts__release(struct alerts *alerts)
{
	for (size_t i = 0; i < alerts->rule_cnt; i++)
		alert_rule__release(&alerts->rules[i]);
	for (size_t i = 0; i < alerts->cnt; i++)
		release_alert(&alerts->items[i]);
	free(alerts->rules);
	free(alerts->items);
	*alerts = (struct alerts){};
}

int alerts__add_rule(struct alerts *alerts, const char *text, struct failure *failure)
{
	int err = ARRAY_RESERVE(alerts->rules, alerts->rule_capacity, alerts->rule_cnt + 1);

	if (err)
		return failure__set(failure, err, "out of memory");
	err = alert_rule__parse(&alerts->rules[alerts->rule_cnt], text, failure);
	if (!err)
		alerts->rule_cnt++;
	return err;
}

int alerts__add_rules(struct alerts *alerts, const struct text_list *rules, struct failure *failure)
{
	int err = 0;

	for (uint32_t i = 0; i < rules->cnt && !err; i++)
		err = alerts__add_rule(alerts, rules->texts[i], failure);
	return err;
}

static int compare(const void *left, const void *right)
{
	const struct alert *a = left, *b = right;

	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return (a->rule > b->rule) - (a->rule < b->rule);
}

static void sort(struct alerts *alerts)
{
	if (alerts->cnt)
		qsort(alerts->items, alerts->cnt, sizeof(*alerts->items), compare);
}

static struct alert *find(const struct alerts *alerts, size_t rule, pid_t pid)
{
	const struct alert key = {.rule = rule, .pid = pid};

	if (!alerts->known_cnt)
		return NULL;
	return bsearch(&key, alerts->items, alerts->known_cnt, sizeof(key), compare);
}

static int add(struct alerts *alerts, size_t rule, const struct alert_subject *subject,
	       uint64_t now_ns, struct alert **out)
{
	int err = ARRAY_RESERVE(alerts->items, alerts->capacity, alerts->cnt + 1);
	struct alert *alert;

	if (err)
		return err;
	alert = &alerts->items[alerts->cnt];
	*alert = (struct alert){.rule = rule,
				.pid = subject->pid,
				.since_ns = now_ns,
				.owner = subject->owner,
				.name = strdup(subject->keys[ALERT_KEY_COMM])};
	if (!alert->name)
		return -ENOMEM;
	alerts->cnt++;
	*out = alert;
	return 0;
}

/* Whether the alert may fire: its rule has been true for long enough, and what pins is known. */
static bool is_ripe(const struct alerts *alerts, const struct alert *alert,
		    const struct alert_rule *rule, struct alert_subject *subject, uint64_t now_ns)
{
	double true_ns = (double)(now_ns - alert->since_ns), for_ns = rule->for_s * 1e9;

	if (true_ns < for_ns)
		return false;
	/* Only what pins now counts, not what pinned when the rule became true. */
	if ((double)subject->kinds_ns >= (double)alert->since_ns + for_ns)
		return true;
	subject->wants_kinds = true;
	return alerts->is_last_check || true_ns >= for_ns + (double)PINS_WAIT_NS;
}

static int fire(struct alerts *alerts, struct alert *alert, const struct alert_subject *subject)
{
	const struct pin_summary *pins = subject->pins;

	alert->types = pin_summary__text(pins->kinds, pins->kind_cnt);
	alert->sites = pin_summary__text(pins->sites, pins->site_cnt);
	if (!alert->types || !alert->sites)
		return -ENOMEM;
	alert->is_firing = true;
	clock_gettime(CLOCK_REALTIME, &alert->began);
	alerts->fired_cnt++;
	return 0;
}

static int check(struct alerts *alerts, size_t number, struct alert_subject *subject,
		 uint64_t now_ns, alert_fn *report, void *context)
{
	const struct alert_rule *rule = &alerts->rules[number];
	double value = alert_rule__measure(rule, &subject->measures);
	struct alert *alert = find(alerts, number, subject->pid);
	int err = 0;

	/* What is not known for a while neither fires nor resolves. */
	if (isnan(value)) {
		if (alert)
			alert->is_seen = true;
		return 0;
	}
	if (!alert_rule__is_true(rule, value) || !alert_rule__is_about(rule, subject->keys)) {
		if (alert)
			alert->value = value;
		return 0;
	}
	if (!alert)
		err = add(alerts, number, subject, now_ns, &alert);
	if (err)
		return err;
	alert->value = value;
	alert->is_seen = true;
	subject->has_alert = true;
	if (!alert->is_firing) {
		if (!is_ripe(alerts, alert, rule, subject, now_ns))
			return 0;
		err = fire(alerts, alert, subject);
		if (err)
			return err;
	} else if (now_ns - alert->reported_ns < REPORT_AGAIN_NS) {
		return 0;
	}
	report(context, rule, alert);
	alert->is_reported = true;
	alert->reported_ns = now_ns;
	return 0;
}

/* Ends alerts whose rule is no longer true or whose process is gone. */
static void end_alerts(struct alerts *alerts, alert_fn *report, void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < alerts->cnt; i++) {
		struct alert alert = alerts->items[i];

		if (alert.is_seen) {
			alerts->items[kept++] = alert;
			continue;
		}
		if (alert.is_firing) {
			alert.is_firing = false;
			report(context, &alerts->rules[alert.rule], &alert);
		}
		release_alert(&alert);
	}
	alerts->cnt = kept;
}

/* The index of the rule with this text, or rule_cnt if there is none. */
static size_t find_rule(const struct alerts *alerts, const char *text)
{
	size_t i = 0;

	while (i < alerts->rule_cnt && strcmp(alerts->rules[i].text, text) != 0)
		i++;
	return i;
}

void alerts__replace_rules(struct alerts *alerts, struct alerts *from, alert_fn *report,
			   void *context)
{
	struct alerts old = *alerts;

	for (size_t i = 0; i < alerts->cnt; i++)
		alerts->items[i].is_seen =
			find_rule(from, alerts->rules[alerts->items[i].rule].text) < from->rule_cnt;
	end_alerts(alerts, report, context);
	for (size_t i = 0; i < alerts->cnt; i++)
		alerts->items[i].rule = find_rule(from, old.rules[alerts->items[i].rule].text);
	for (size_t i = 0; i < old.rule_cnt; i++)
		alert_rule__release(&old.rules[i]);
	free(old.rules);
	alerts->rules = from->rules;
	alerts->rule_cnt = from->rule_cnt;
	alerts->rule_capacity = from->rule_capacity;
	sort(alerts);
	*from = (struct alerts){};
}

int alerts__check(struct alerts *alerts, struct alert_subject *subjects, size_t cnt,
		  uint64_t now_ns, alert_fn *report, void *context)
{
	int err = 0;

	alerts->known_cnt = alerts->cnt;
	for (size_t i = 0; i < alerts->cnt; i++)
		alerts->items[i].is_seen = false;
	for (size_t i = 0; i < cnt; i++)
		for (size_t rule = 0; rule < alerts->rule_cnt && !err; rule++)
			err = check(alerts, rule, &subjects[i], now_ns, report, context);
	if (alerts->cnt > alerts->known_cnt)
		sort(alerts);
	end_alerts(alerts, report, context);
	return err;
}

bool alerts__need_memory(const struct alerts *alerts)
{
	for (size_t i = 0; i < alerts->rule_cnt; i++)
		if (alert_rule__needs_memory(&alerts->rules[i]))
			return true;
	return false;
}

size_t alerts__firing_cnt(const struct alerts *alerts)
{
	size_t cnt = 0;

	for (size_t i = 0; i < alerts->cnt; i++)
		cnt += alerts->items[i].is_firing;
	return cnt;
}
