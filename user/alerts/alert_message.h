/* SPDX-License-Identifier: BSD-2-Clause */
/* An alert on its way to somebody: all of it in text, for the alert itself may be gone by then. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "alerts/alerts.h"

struct alert_message {
	char *json; /* as alert_json__pack() */
	bool is_firing;
	pid_t pid;
	double value;
	process_owner owner; /* of the process */
	char *rule, *name, *types, *sites;
};

/* Returns 0 or -ENOMEM; the caller releases. */
int alert_message__init(struct alert_message *out, const struct alert_rule *rule,
			const struct alert *alert);
void alert_message__release(struct alert_message *message);
