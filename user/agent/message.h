/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between the processes of an agent, over a stream socket: a type, a size, and so many
 * bytes.
 *
 * Who receives does not trust who sends, for that one may have been taken over. Each side says
 * which types it takes, and how large each may be: another one ends the connection (-EPROTO). A
 * message is taken apart by a cursor that never leaves its bytes, and that says once, at the end,
 * whether all that was taken was there and nothing is left.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum message_type {
	/* To the reader. */
	MESSAGE_RELOAD = 1, /* read the configuration again */
	MESSAGE_SERVED,	    /* what the server counts, for the metrics */
	MESSAGE_ASK_REPORT,
	/* From the reader. */
	MESSAGE_READY,	/* it reads from now on */
	MESSAGE_FAILED, /* it ends: why */
	MESSAGE_PAGE,
	MESSAGE_HEALTH,
	MESSAGE_REPORT,
	MESSAGE_ALERT,
	/* To the runner of commands, and back. */
	MESSAGE_COMMAND,
	MESSAGE_COMMAND_RESULT,
	MESSAGE_TYPE_CNT,
};

/* For each type that is taken, how many bytes it has at most, plus 1; 0: it is not taken. */
typedef size_t message_limits[MESSAGE_TYPE_CNT];

struct message {
	enum message_type type;
	size_t size;
	uint8_t *bytes; /* the receiver's to free; NULL if there are none */
};

void message__release(struct message *message);

/* What is being received. */
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
 * Takes the next message, if all of it is there; with a descriptor that waits, waits for it.
 * Returns 1; 0: there is none yet; -EPIPE: the other side is gone; -EPROTO: it has sent what is not
 * taken; or another negative errno.
 */
int inbox__take(struct inbox *inbox, struct message *out);

/* What is being packed. Without memory it stays as it is, and message__send() says so. */
struct packer {
	uint8_t *bytes;
	size_t size, capacity;
	bool failed;
};

void packer__release(struct packer *packer);
void packer__add_u64(struct packer *packer, uint64_t value);
void packer__add_double(struct packer *packer, double value);
/* Up to a NUL, or @size bytes, which may hold any. */
void packer__add_text(struct packer *packer, const char *text);
void packer__add_bytes(struct packer *packer, const void *bytes, size_t size);

/* How message__send() waits. */
enum message_wait {
	MESSAGE_WAIT,	 /* as long as the other side takes: who sends has nothing else to do */
	MESSAGE_NO_WAIT, /* not at all; for the rest of what was begun, MESSAGE_REST_MS */
};

#define MESSAGE_REST_MS 1000

/*
 * Sends it. Returns 0; -EAGAIN: nothing was sent, as that would take waiting; -EPIPE, -ETIMEDOUT,
 * -ENOMEM or another negative errno: the connection is of no use any more.
 */
int message__send(int fd, enum message_type type, const struct packer *packed,
		  enum message_wait wait);

/* What is being taken apart. */
struct cursor {
	const uint8_t *at, *end;
	bool failed;
};

struct cursor cursor__of(const struct message *message);
uint64_t cursor__u64(struct cursor *cursor);
/* NaN and infinity are not taken. */
double cursor__double(struct cursor *cursor);
/* A text of at most @max bytes, which lies in the message; "" if there is none. */
const char *cursor__text(struct cursor *cursor, size_t max);
/* All that is left. */
const uint8_t *cursor__rest(struct cursor *cursor, size_t *size);
/* Whether all was there, and nothing is left. */
bool cursor__is_done(const struct cursor *cursor);
