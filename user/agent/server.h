/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that answers requests, logs and sends alerts: the agent's first, which the others are
 * children of. It knows what the reader has sent it, and asks it for nothing but reports. It has no
 * privileges, so that what comes from the network meets nobody who can read other processes; and it
 * trusts the reader no more than the network.
 *
 * When one of the others ends unasked, it says so and ends, too.
 */
#pragma once

#include "agent/log_pipe.h"
#include "agent/part.h"
#include "agent/reader.h"
#include "host/http_server.h"

enum {
	PART_READER,
	PART_BROKER,
	PART_NAMER,
	PART_RUNNER,
	PART_CNT,
};

struct server_options {
	struct part *parts; /* PART_CNT of them; those that there are have a process */
	struct log_pipe *log;
	int signal_fd; /* as end_signals__open() */
	const char *listen;
	/* Share of a core that serving may take; up to a second of that is saved for bursts. */
	double serving_share;
	const char *const *alert_to; /* as alert_sender__new() */
	size_t alert_to_cnt;
	/* Listens, with the token. Errors are described. */
	int (*open_http)(struct http_server **out, http_answer_fn *answer, void *server,
			 const void *context, struct failure *failure);
	const void *context;
};

/*
 * Serves until a signal says to end. Returns 0, or negative errno after it has said why on stderr.
 * The parts may go on for a moment: see server__end_parts().
 */
int server__run(const struct server_options *options);

/* Asks all to end, and waits for that, for a while. */
void server__end_parts(const struct server_options *options);
