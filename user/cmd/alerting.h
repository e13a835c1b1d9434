/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The alerts that the options ask for, logged on stderr.
 */
#pragma once

#include "alerts/alert_sender.h"
#include "alerts/alerts.h"
#include "cmd/options.h"
#include "host/host.h"

/* What a command returns, and pyfrag's exit status, when an alert has fired. */
#define ALERTED 2

struct alerting {
	struct alerts alerts;
	struct alert_sender *sender; /* NULL: they are logged on stderr only */
};

/*
 * Takes over the rules of @options, and where to send alerts. On failure says so on stderr and
 * returns negative errno. The caller releases, in any case.
 */
int alerting__init(struct alerting *alerting, const struct options *options);
void alerting__release(struct alerting *alerting);

/* Looks at @cnt processes as they are now. As above. */
int alerting__check(struct alerting *alerting, struct alert_subject *subjects, size_t cnt);

/*
 * The same of all Pythons of a host. Marks in @host those of which an alert wants to know what
 * pins.
 */
int alerting__check_host(struct alerting *alerting, const struct host *host);

/* A command's result: ALERTED in place of 0 if an alert has fired. */
int alerting__result(const struct alerting *alerting, int result);
