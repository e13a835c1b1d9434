/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends alerts to others: to Alertmanager's API v2, and to a command, which gets them on its standard input. A thread of its
 * own does it, so that who does not answer keeps nobody waiting.
 */
#pragma once

#include <stdint.h>

#include "host/alerts.h"
#include "util/failure.h"

struct alert_sender;

struct alert_destinations {
	const char *alertmanager; /* its URL, without /api/v2/alerts; NULL: none */
	const char *
		command; /* words, the first of which is a program; no shell sees them; NULL: none */
};

/* Errors are described; the caller frees, which waits until what is being sent is sent, or has failed. */
int alert_sender__new(struct alert_sender **out, const struct alert_destinations *destinations,
		      struct failure *failure);
void alert_sender__free(struct alert_sender *sender);

/* An alert that fires, still fires or is over. What cannot be sent in the end is logged, and counted. */
void alert_sender__send(struct alert_sender *sender, const struct alert_rule *rule,
			const struct alert *alert);
uint64_t alert_sender__failed_cnt(const struct alert_sender *sender);
