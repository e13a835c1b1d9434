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
	struct failure failure;
	int err = add_rules(&alerting->alerts, options, &failure);

	if (!err && options->alert_to_cnt)
		err = alert_sender__new(&alerting->sender, options->alert_to, options->alert_to_cnt,
					&failure);
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
	bool has_types = alert->is_firing && *alert->types,
	     has_sites = alert->is_firing && *alert->sites;

	if (alerting->sender)
		alert_sender__send(alerting->sender, rule, alert);
	if (alert->is_firing && alert->is_told)
		return;
	log_warning("alert %s: %s: process %d (%s): %s%s%s%s%s",
		    alert->is_firing ? "fires" : "is over", rule->text, alert->pid, alert->name,
		    describe(rule, alert->value).text, has_types ? "; pinned by " : "",
		    has_types ? alert->types : "", has_sites ? "; pools were taken at " : "",
		    has_sites ? alert->sites : "");
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

int alerting__check(struct alerting *alerting, struct alert_subject *subjects, size_t cnt)
{
	int err = alerts__check(&alerting->alerts, subjects, cnt, clock_ns(CLOCK_MONOTONIC), tell,
				alerting);

	if (err)
		log_error("out of memory");
	return err;
}

static struct alert_subject subject_of(const struct watched *watched)
{
	return (struct alert_subject){
		.pid = watched->pid,
		.keys = {[ALERT_KEY_APP] = watched->identity.app,
			 [ALERT_KEY_COMM] = watched->source->process->comm,
			 [ALERT_KEY_USER] = watched->identity.user,
			 [ALERT_KEY_UNIT] = watched->identity.unit},
		.findings = &watched->last.findings,
		.growth_per_minute = growth__per_minute(&watched->trend),
		.pins = &watched->last.pins,
		.kinds_ns = watched->kinds_ns,
	};
}

int alerting__check_host(struct alerting *alerting, const struct host *host)
{
	struct watched *const *watched;
	size_t cnt = host__watched(host, &watched), used = 0;
	_cleanup_free_ struct alert_subject *subjects = calloc(cnt + 1, sizeof(*subjects));
	int err;

	if (!subjects) {
		log_error("out of memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < cnt; i++)
		if (watched[i]->has_last)
			subjects[used++] = subject_of(watched[i]);
	err = alerting__check(alerting, subjects, used);
	for (size_t i = 0, next = 0; i < cnt && !err; i++) {
		if (!watched[i]->has_last)
			continue;
		watched[i]->has_alert = subjects[next].has_alert;
		watched[i]->wants_kinds |= subjects[next++].wants_kinds;
	}
	return err;
}

int alerting__result(const struct alerting *alerting, int result)
{
	return !result && alerting->alerts.fired_cnt ? ALERTED : result;
}

bool alerting__runs_commands(const struct options *options)
{
	for (uint32_t i = 0; i < options->alert_to_cnt; i++)
		if (alert_sender__is_command(options->alert_to[i]))
			return true;
	return false;
}
