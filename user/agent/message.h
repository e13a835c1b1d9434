/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between the processes of an agent, over a stream socket. A message is a type, a size,
 * and that many bytes.
 *
 * The receiver does not trust the sender, which may have been compromised. Each receiver declares
 * the message types it accepts and the maximum size of each; any other message ends the connection
 * (-EPROTO). A cursor decodes a message: it never reads beyond the message, and cursor__is_done()
 * reports at the end whether every value was there and nothing is left over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum message_type {
	/* To the reader. */
	MESSAGE_RELOAD = 1, /* read the configuration again */
	MESSAGE_SERVED,	    /* the server's counters, for the metrics */
	MESSAGE_ASK_REPORT,
	/* From the reader. */
	MESSAGE_READY,	/* the reader has started */
	MESSAGE_FAILED, /* the reader ends; carries the reason */
	MESSAGE_PAGE,
	MESSAGE_HEALTH,
	MESSAGE_REPORT,
	MESSAGE_ALERT,
	/* To the runner and back. */
	MESSAGE_COMMAND,
	MESSAGE_COMMAND_RESULT,
	MESSAGE_TYPE_CNT,
};

/* Maximum size of each accepted message type in bytes, plus 1; 0: the type is not accepted. */
typedef size_t message_limits[MESSAGE_TYPE_CNT];

struct message {
	enum message_type type;
	size_t size;
	uint8_t *bytes; /* owned by the receiver; NULL if there are none */
};

void message__release(struct message *message);

/* A message that is being received, possibly in several reads. */
struct inbox {
	int fd; /* not owned */
	const size_t *limits;
	struct message_head {
		uint32_t type, size;
	} head;
	size_t head_used, used;
	uint8_t *bytes;
};

void inbox__release(struct inbox *inbox);

/*
 * Receives the next message if it is complete; if the descriptor is blocking, waits for it. Returns
 * 1; 0 if no message is complete yet; -EPIPE if the peer has closed the connection; -EPROTO if it
 * has sent a message that is not accepted; or another negative errno.
 */
int inbox__take(struct inbox *inbox, struct message *out);

/*
 * A message that is being encoded. When memory runs out, further values are ignored, and
 * message__send() returns the error.
 */
struct packer {
	uint8_t *bytes;
	size_t size, capacity;
	bool failed;
};

void packer__release(struct packer *packer);
void packer__add_u64(struct packer *packer, uint64_t value);
void packer__add_double(struct packer *packer, double value);
/* @text ends at its NUL; @bytes may contain any bytes. */
void packer__add_text(struct packer *packer, const char *text);
void packer__add_bytes(struct packer *packer, const void *bytes, size_t size);

/* What message__send() does when the socket is full. */
enum message_wait {
	MESSAGE_WAIT,	 /* waits without limit; for senders that have nothing else to do */
	MESSAGE_NO_WAIT, /* does not wait, except MESSAGE_REST_MS for the rest of a begun message */
};

#define MESSAGE_REST_MS 1000

/*
 * Returns 0; -EAGAIN if nothing was sent because the socket is full; -EPIPE, -ETIMEDOUT, -ENOMEM or
 * another negative errno if the connection can no longer be used.
 */
int message__send(int fd, enum message_type type, const struct packer *packed,
		  enum message_wait wait);

/* The undecoded rest of a message. After a failure, all values are 0 or "". */
struct cursor {
	const uint8_t *at, *end;
	bool failed;
};

struct cursor cursor__of(const struct message *message);
uint64_t cursor__u64(struct cursor *cursor);
/* Fails if the value is NaN or infinite. */
double cursor__double(struct cursor *cursor);
/* A text of at most @max bytes, which points into the message; "" on failure. */
const char *cursor__text(struct cursor *cursor, size_t max);
/* All remaining bytes. */
const uint8_t *cursor__rest(struct cursor *cursor, size_t *size);
/* Whether decoding has not failed and no bytes are left. */
bool cursor__is_done(const struct cursor *cursor);
