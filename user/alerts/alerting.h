/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The alerts of a command: checks the rules, logs alerts that fire and end to stderr, and sends
 * them to destinations.
 */
#pragma once

#include "alerts/alert_sender.h"
#include "alerts/alerts.h"
#include "util/text_list.h"

/* More rules than this are rejected. */
#define ALERT_RULES_MAX TEXT_LIST_MAX

/* The result of a command, and pyfrag's exit status, if an alert has fired. */
#define ALERTED 2

struct alerting_options {
	struct text_list rules; /* see alert_rule__parse() */
	struct text_list to;	/* see alert_destination.h; in addition to stderr */
};

struct alerting {
	struct alerts alerts;
	struct alert_sender *sender; /* NULL: alerts are only logged */
};

/*
 * The texts of @options must outlive @alerting. Errors are described. The caller releases @alerting
 * in any case.
 */
int alerting__init(struct alerting *alerting, const struct alerting_options *options,
		   struct failure *failure);
void alerting__release(struct alerting *alerting);

/* Checks the rules against @cnt processes as they are now. Returns 0 or -ENOMEM. */
int alerting__check(struct alerting *alerting, struct alert_subject *subjects, size_t cnt);

/* Logs and sends an alert. This is an alert_fn; its context is the struct alerting. */
void alerting__report(void *alerting, const struct alert_rule *rule, const struct alert *alert);

/* The result of a command: ALERTED instead of 0 if an alert has fired. */
int alerting__result(const struct alerting *alerting, int result);
