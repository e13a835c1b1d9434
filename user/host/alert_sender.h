/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends alerts to others: to Alertmanager's API v2, and to a command, which gets them on its standard input. A thread of its
 * own does it, so that who does not answer keeps nobody waiting.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/alerts.h"
#include "util/failure.h"

struct alert_sender;

#define ALERT_DESTINATIONS_MAX 8

/*
 * Whom to tell, @cnt of them: "exec:COMMAND", or Alertmanager's URL, without /api/v2/alerts. Errors are described; the
 * caller frees, which waits until what is being sent is sent, or has failed.
 */
int alert_sender__new(struct alert_sender **out, const char *const *to, size_t cnt,
		      struct failure *failure);
void alert_sender__free(struct alert_sender *sender);

/* An alert that fires, still fires or is over. What cannot be sent in the end is logged, and counted. */
void alert_sender__send(struct alert_sender *sender, const struct alert_rule *rule,
			const struct alert *alert);
uint64_t alert_sender__failed_cnt(const struct alert_sender *sender);

/* The command that @to has run, which lies within it; NULL: it is no command. */
const char *alert_sender__command_of(const char *to);
