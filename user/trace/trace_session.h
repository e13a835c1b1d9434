/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trace of one process, from its start to its last report.
 *
 * It waits for nothing itself. Its owner waits for its descriptor, together with whatever else it
 * waits for (a keyboard), and then calls trace_session__poll(), which does what is due.
 */
#pragma once

#include "trace/trace_setup.h"
#include "util/failure.h"

struct trace_session;

enum trace_happened {
	TRACE_NOTHING,	/* that a user would see */
	TRACE_REPORTED, /* a report was made, and written unless the writer takes the last only */
	TRACE_ENDED,	/* and the last report was made; do not poll again */
};

/*
 * Probes the process, or starts the command and waits until its Python is up. SIGINT, SIGTERM and
 * SIGHUP are blocked from then on: one of them ends the trace, another one the program
 * (util/second_signal.h). Once in a process. Errors are described; the caller frees.
 */
int trace_session__start(struct trace_session **out, const struct trace_setup *setup,
			 struct failure *failure);
void trace_session__free(struct trace_session *session);
void trace_session__freep(struct trace_session **session);

/* Readable when there is something to do; it belongs to the session. */
int trace_session__fd(const struct trace_session *session);

/*
 * Does what is due, without waiting: the first call makes the first report. Returns 0 and says in
 * *happened what was done; or negative errno, and the trace is over. Errors are described; the text
 * is empty if the reader of the reports has gone.
 */
int trace_session__poll(struct trace_session *session, enum trace_happened *happened,
			struct failure *failure);

/* Logs why the trace ended, if it is not that a user ended it, and whether the target forked. */
void trace_session__log_end(const struct trace_session *session);
