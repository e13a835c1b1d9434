/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that answers requests, and logs and sends alerts. It is the agent's first process,
 * the parent of the others. It serves what the reader has sent, and requests nothing from the
 * reader but reports. It has no privileges, so an attack from the network does not reach a process
 * that can read others. It trusts the reader as little as the network.
 *
 * When another process of the agent ends unexpectedly, the server logs that and ends, too.
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
	struct part *parts; /* PART_CNT of them; unstarted ones have no pid_fd */
	struct log_pipe *log;
	int signal_fd; /* from end_signals__open() */
	const char *listen;
	/*
	 * Share of a core that serving may use. Up to one second's share can be saved for bursts.
	 */
	double serving_share;
	const char *const *alert_to; /* see alert_sender__new() */
	size_t alert_to_cnt;
	/* Opens the HTTP server, with the token if there is one. Errors are described. */
	int (*open_http)(struct http_server **out, http_answer_fn *answer, void *server,
			 const void *context, struct failure *failure);
	const void *context;
};

/*
 * Serves until a signal ends it. Returns 0, or negative errno after logging the reason. The child
 * processes may still run afterwards: see server__end_parts().
 */
int server__run(const struct server_options *options);

/* Asks all child processes to end, and waits for a limited time until they have. */
void server__end_parts(const struct server_options *options);
