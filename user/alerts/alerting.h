/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The alerts of a command: checks its rules, logs on stderr which alerts fire and end, and sends
 * them to its destinations.
 */
#pragma once

#include "alerts/alert_sender.h"
#include "alerts/alerts.h"
#include "util/text_list.h"

/* More rules are refused. */
#define ALERT_RULES_MAX TEXT_LIST_MAX

/* What a command returns, and pyfrag's exit status, when an alert has fired. */
#define ALERTED 2

struct alerting_options {
	struct text_list rules; /* see alert_rule__parse() */
	struct text_list to;	/* destinations as in alert_destination.h, besides stderr */
};

struct alerting {
	struct alerts alerts;
	struct alert_sender *sender; /* NULL: alerts are only logged */
};

/* The texts of @options must outlive it. Errors are described. The caller releases in any case. */
int alerting__init(struct alerting *alerting, const struct alerting_options *options,
		   struct failure *failure);
void alerting__release(struct alerting *alerting);

/* Checks @cnt processes as they are now. Returns 0 or -ENOMEM. */
int alerting__check(struct alerting *alerting, struct alert_subject *subjects, size_t cnt);

/* Logs and sends an alert; an alert_fn whose context is the struct alerting. */
void alerting__tell(void *alerting, const struct alert_rule *rule, const struct alert *alert);

/* A command's result: ALERTED in place of 0 if an alert has fired. */
int alerting__result(const struct alerting *alerting, int result);
