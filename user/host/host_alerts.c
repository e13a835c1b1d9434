// SPDX-License-Identifier: BSD-2-Clause
#include "host/host_alerts.h"

#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/clock.h"

static struct alert_subject subject_of(const struct watched *watched)
{
	return (struct alert_subject){
		.pid = watched->pid,
		.owner = watched__owner(watched),
		.keys = {[ALERT_KEY_APP] = watched->identity.app,
			 [ALERT_KEY_COMM] = watched->source->target->comm,
			 [ALERT_KEY_USER] = watched->identity.user,
			 [ALERT_KEY_UNIT] = watched->identity.unit},
		.measures = {.findings = &watched->last.findings,
			     .growth_per_minute = growth__per_minute(&watched->trend),
			     .memory = watched->memory},
		.pins = &watched->last.pins,
		.kinds_ns = watched->kinds_ns,
	};
}

int host_alerts__check(struct alerts *alerts, const struct host *host, alert_fn *report,
		       void *context)
{
	struct watched *const *watched;
	size_t cnt = host__watched(host, &watched), used = 0;
	_cleanup_free_ struct alert_subject *subjects = calloc(cnt + 1, sizeof(*subjects));
	int err;

	if (!subjects)
		return -ENOMEM;
	for (size_t i = 0; i < cnt; i++)
		if (watched[i]->has_last)
			subjects[used++] = subject_of(watched[i]);
	err = alerts__check(alerts, subjects, used, clock_ns(CLOCK_MONOTONIC), report, context);
	for (size_t i = 0, next = 0; i < cnt && !err; i++) {
		if (!watched[i]->has_last)
			continue;
		watched[i]->has_alert = subjects[next].has_alert;
		watched[i]->wants_kinds |= subjects[next++].wants_kinds;
	}
	return err;
}
