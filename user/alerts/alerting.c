// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alerting.h"

#include "alerts/alert_log.h"
#include "util/clock.h"

void alerting__release(struct alerting *alerting)
{
	alert_sender__free(alerting->sender);
	alerts__release(&alerting->alerts);
}

int alerting__init(struct alerting *alerting, const struct alerting_options *options,
		   struct failure *failure)
{
	int err = alerts__add_rules(&alerting->alerts, &options->rules, failure);

	if (!err && options->to.cnt)
		err = alert_sender__new(&alerting->sender, options->to.texts, options->to.cnt,
					failure);
	return err;
}

void alerting__report(void *context, const struct alert_rule *rule, const struct alert *alert)
{
	struct alerting *alerting = context;

	if (alerting->sender)
		alert_sender__send(alerting->sender, rule, alert);
	alert_log__write(rule, alert);
}

int alerting__check(struct alerting *alerting, struct alert_subject *subjects, size_t cnt)
{
	return alerts__check(&alerting->alerts, subjects, cnt, clock_ns(CLOCK_MONOTONIC),
			     alerting__report, alerting);
}

int alerting__result(const struct alerting *alerting, int result)
{
	return !result && alerting->alerts.fired_cnt ? ALERTED : result;
}
