/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages that wait for a destination, fairly by user. Whoever runs a process can have it raise
 * alerts, as many as there are rules and processes: so users take turns, a message each, and what
 * is dropped where there is no room is the newest message of the user with most of them. A flood of
 * one user's alerts delays and evicts its own only. A user is whoever answers for a process
 * (target/process_owner.h).
 */
#pragma once

#include <stdint.h>

#include "alerts/alert_message.h"

#define ALERT_QUEUE_MAX 256

struct alert_queue_item {
	struct alert_message message;
	uint64_t turn;	 /* those of a user have different ones, the smallest is next */
	uint64_t number; /* among all, as they came */
};

struct alert_queue {
	struct alert_queue_item items[ALERT_QUEUE_MAX];
	size_t cnt;
	uint64_t turn; /* of the last one that was taken */
	uint64_t next_number;
};

void alert_queue__release(struct alert_queue *queue);

/* Takes over @message. Returns whether one was dropped for want of room, this one perhaps. */
bool alert_queue__put(struct alert_queue *queue, struct alert_message *message);

/* Whether one may be taken now. */
typedef bool alert_queue_may_fn(const void *context, const struct alert_message *message);

/*
 * Takes the next one of those that may be taken, which the caller releases. Returns whether there
 * was one. @may_take: NULL: all may.
 */
bool alert_queue__take(struct alert_queue *queue, alert_queue_may_fn *may_take, const void *context,
		       struct alert_message *out);
