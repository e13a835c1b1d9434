// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/alerting.h"

#include "alerts/alert_log.h"
#include "host/host_alerts.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

void alerting__release(struct alerting *alerting)
{
	alert_sender__free(alerting->sender);
	alerts__release(&alerting->alerts);
}

static int add_rules(struct alerts *alerts, const struct options *options, struct failure *failure)
{
	int err = 0;

	for (uint32_t i = 0; i < options->alerts.cnt && !err; i++)
		err = alerts__add_rule(alerts, options->alerts.texts[i], failure);
	return err;
}

int alerting__init(struct alerting *alerting, const struct options *options)
{
	struct failure failure;
	int err = add_rules(&alerting->alerts, options, &failure);

	if (!err && options->alert_to.cnt)
		err = alert_sender__new(&alerting->sender, options->alert_to.texts,
					options->alert_to.cnt, &failure);
	if (err)
		log_error("%s", failure.text);
	return err;
}

static void tell(void *context, const struct alert_rule *rule, const struct alert *alert)
{
	struct alerting *alerting = context;

	if (alerting->sender)
		alert_sender__send(alerting->sender, rule, alert);
	alert_log__write(rule, alert);
}

int alerting__check(struct alerting *alerting, struct alert_subject *subjects, size_t cnt)
{
	int err = alerts__check(&alerting->alerts, subjects, cnt, clock_ns(CLOCK_MONOTONIC), tell,
				alerting);

	if (err)
		log_error("out of memory");
	return err;
}

int alerting__check_host(struct alerting *alerting, const struct host *host)
{
	int err = host_alerts__check(&alerting->alerts, host, tell, alerting);

	if (err)
		log_error("out of memory");
	return err;
}

int alerting__result(const struct alerting *alerting, int result)
{
	return !result && alerting->alerts.fired_cnt ? ALERTED : result;
}
