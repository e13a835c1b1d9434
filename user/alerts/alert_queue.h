/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages that wait for a destination, shared fairly among users. Whoever runs a process can make
 * it raise alerts, one for each rule and process. Therefore users take turns, one message each, and
 * when the queue is full, the newest message of the user with the most messages is dropped: a flood
 * of alerts delays and drops only those of the same user. The user of a process is its owner as
 * target/process_owner.h defines it.
 */
#pragma once

#include <stdint.h>

#include "alerts/alert_message.h"

#define ALERT_QUEUE_MAX 256

struct alert_queue_item {
	struct alert_message message;
	uint64_t turn;	 /* unique among the messages of a user; the smallest is next */
	uint64_t number; /* in order of arrival, over all users */
};

struct alert_queue {
	struct alert_queue_item items[ALERT_QUEUE_MAX];
	size_t cnt;
	uint64_t turn; /* of the message taken last */
	uint64_t next_number;
};

void alert_queue__release(struct alert_queue *queue);

/*
 * Takes over @message. Returns whether a message was dropped because the queue was full; it may be
 * @message itself.
 */
bool alert_queue__put(struct alert_queue *queue, struct alert_message *message);

/* Whether @message may be taken now. */
typedef bool alert_queue_may_fn(const void *context, const struct alert_message *message);

/*
 * Takes the next message for which @may_take returns true; NULL allows all. Returns whether there
 * was one; the caller releases @out.
 */
bool alert_queue__take(struct alert_queue *queue, alert_queue_may_fn *may_take, const void *context,
		       struct alert_message *out);
