/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends alerts to Alertmanager (API v2) and to commands, which read them from standard input. Each
 * destination has its own threads and queue, so that one that does not respond delays neither
 * pyfrag nor the others.
 *
 * Up to ALERT_COMMANDS_AT_ONCE instances of a command run at a time, so that a slow one does not
 * delay other alerts. Those for the same alert run one after the other. At most all but one of them
 * run for alerts about a single owner's processes. Alertmanager receives alerts one by one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alerts/alert_destination.h"
#include "alerts/alerts.h"
#include "util/failure.h"

struct alert_sender;

#define ALERT_DESTINATIONS_MAX 8
#define ALERT_COMMANDS_AT_ONCE 4

/*
 * Destinations are @cnt texts as described in alert_destination.h. Errors are described. The caller
 * frees @out.
 */
int alert_sender__new(struct alert_sender **out, const char *const *to, size_t cnt,
		      struct failure *failure);

/*
 * Stops the sender. Queued alerts are sent for at most @wait_ms; then running commands are ended
 * and the rest is dropped, which takes at most a second.
 */
void alert_sender__end(struct alert_sender *sender, unsigned int wait_ms);

/* Stops the sender with enough time to send all that is queued, and frees it. */
void alert_sender__free(struct alert_sender *sender);

/*
 * Queues an alert that fires, still fires or is resolved. Alerts that cannot be delivered or are
 * dropped are logged and counted.
 */
void alert_sender__send(struct alert_sender *sender, const struct alert_rule *rule,
			const struct alert *alert);
uint64_t alert_sender__failed_cnt(const struct alert_sender *sender);
