// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/alerting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/units.h"

void alerting__release(struct alerting *alerting)
{
	alert_sender__free(alerting->sender);
	alerts__release(&alerting->alerts);
}

static int add_rules(struct alerts *alerts, const struct options *options, struct failure *failure)
{
	int err = 0;

	for (uint32_t i = 0; i < options->alert_cnt && !err; i++)
		err = alerts__add_rule(alerts, options->alerts[i], failure);
	return err;
}

int alerting__init(struct alerting *alerting, const struct options *options)
{
	const struct alert_destinations destinations = {
		.alertmanager = options->alertmanager,
		.command = options->alert_command,
	};
	struct failure failure;
	int err = add_rules(&alerting->alerts, options, &failure);

	if (!err && (destinations.alertmanager || destinations.command))
		err = alert_sender__new(&alerting->sender, &destinations, &failure);
	if (err)
		log_error("%s", failure.text);
	return err;
}

static struct units_text describe(const struct alert_rule *rule, double value)
{
	struct units_text text;

	switch (rule->metric) {
	case ALERT_FRAGMENTATION:
		return units__percent(value);
	case ALERT_PINNED_ARENAS:
		return units__count((uint64_t)value);
	default:
		text = units__bytes((uint64_t)(value < 0 ? -value : value));
		if (value < 0)
			snprintf(text.text, sizeof(text.text), "-%s",
				 units__bytes((uint64_t)-value).text);
		return text;
	}
}

static void tell(void *context, const struct alert_rule *rule, const struct alert *alert)
{
	struct alerting *alerting = context;

	if (alerting->sender)
		alert_sender__send(alerting->sender, rule, alert);
	if (alert->is_firing && alert->is_told)
		return;
	log_warning("alert %s: %s: process %d (%s): %s", alert->is_firing ? "fires" : "is over",
		    rule->text, alert->pid, alert->name, describe(rule, alert->value).text);
}

int alerting__replace_rules(struct alerting *alerting, const struct options *options)
{
	_cleanup_(alerts__release) struct alerts fresh = {};
	struct failure failure;
	int err = add_rules(&fresh, options, &failure);

	if (err)
		log_error("%s", failure.text);
	else
		alerts__replace_rules(&alerting->alerts, &fresh, tell, alerting);
	return err;
}

int alerting__check(struct alerting *alerting, const struct alert_subject *subjects, size_t cnt)
{
	int err = alerts__check(&alerting->alerts, subjects, cnt, clock_ns(CLOCK_MONOTONIC), tell,
				alerting);

	if (err)
		log_error("out of memory");
	return err;
}

int alerting__check_host(struct alerting *alerting, const struct host *host)
{
	struct watched *const *watched;
	size_t cnt = host__watched(host, &watched), used = 0;
	_cleanup_free_ struct alert_subject *subjects = calloc(cnt + 1, sizeof(*subjects));

	if (!subjects) {
		log_error("out of memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < cnt; i++)
		if (watched[i]->has_last)
			subjects[used++] = (struct alert_subject){
				.pid = watched[i]->pid,
				.name = watched[i]->source->process->comm,
				.findings = &watched[i]->last.findings,
				.growth_per_minute = watched__growth_per_minute(watched[i]),
			};
	return alerting__check(alerting, subjects, used);
}

int alerting__result(const struct alerting *alerting, int result)
{
	return !result && alerting->alerts.fired_cnt ? ALERTED : result;
}
