/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An alert to be sent: a copy of all its text, because the alert itself may be freed before that.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "alerts/alerts.h"

struct alert_message {
	char *json; /* see alert_json__pack() */
	bool is_firing;
	pid_t pid;
	double value;
	process_owner owner; /* of the process */
	char *rule, *name, *types, *sites;
};

/* Returns 0 or -ENOMEM. The caller releases @out. */
int alert_message__init(struct alert_message *out, const struct alert_rule *rule,
			const struct alert *alert);
void alert_message__release(struct alert_message *message);
