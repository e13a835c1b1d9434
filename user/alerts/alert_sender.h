/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends alerts to others: to Alertmanager's API v2, and to commands, which get them on their
 * standard input. Each destination has threads and a queue of its own, so that one that does not
 * answer delays neither pyfrag nor the others.
 *
 * Of a command ALERT_COMMANDS_AT_ONCE run at a time, so that one that takes long does not delay the
 * others: but those for one and the same alert one after the other, and all but one of them for
 * alerts about one owner's processes. To Alertmanager alerts go one by one.
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
 * Destinations, @cnt of them, as alert_destination.h has them. Errors are described; the caller
 * frees.
 */
int alert_sender__new(struct alert_sender **out, const char *const *to, size_t cnt,
		      struct failure *failure);

/*
 * Ends it. What waits is sent, as far as that takes no longer than @wait_ms; then commands that run
 * are ended, and what is left is dropped, which takes a second at most.
 */
void alert_sender__end(struct alert_sender *sender, unsigned int wait_ms);

/* Ends it, with time enough for all that waits, and frees. */
void alert_sender__free(struct alert_sender *sender);

/*
 * An alert that fires, still fires or is over. What cannot be sent in the end, or has to be
 * dropped, is logged and counted.
 */
void alert_sender__send(struct alert_sender *sender, const struct alert_rule *rule,
			const struct alert *alert);
uint64_t alert_sender__failed_cnt(const struct alert_sender *sender);
