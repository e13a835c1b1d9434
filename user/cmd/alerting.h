/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The alerts that the options ask for, told on stderr.
 */
#pragma once

#include "cmd/options.h"
#include "host/alert_sender.h"
#include "host/alerts.h"
#include "host/host.h"
#include "host/host_metrics.h"

/* What a command returns, and pyfrag's exit status, when an alert has fired. */
#define ALERTED 2

struct alerting {
	struct alerts alerts;
	struct alert_sender *sender; /* NULL: it is told on stderr only */
};

/*
 * Takes over the rules of @options, and whom to send alerts to. On failure says so on stderr and returns negative errno.
 * The caller releases, in any case.
 */
int alerting__init(struct alerting *alerting, const struct options *options);
void alerting__release(struct alerting *alerting);

/* Has the rules of other options, if all of them make sense. As above; on failure nothing has changed. */
int alerting__replace_rules(struct alerting *alerting, const struct options *options);

/* Looks at @cnt processes as they are now. As above. */
int alerting__check(struct alerting *alerting, struct alert_subject *subjects, size_t cnt);

/* The same of all Pythons of a host, which learn whom it is wanted of who pins. */
int alerting__check_host(struct alerting *alerting, const struct host *host);

/* What became of the alerts, for the host's metrics. */
void alerting__count(const struct alerting *alerting, struct host_metrics_extra *out);

/* A command's result: ALERTED in place of 0 if an alert has fired. */
int alerting__result(const struct alerting *alerting, int result);

/* Whether commands will be run to tell of alerts. */
bool alerting__runs_commands(const struct options *options);
