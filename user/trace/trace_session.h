/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trace of one process, from its start to its last report.
 *
 * The session does not wait. Its owner waits for its descriptor, together with anything else such
 * as a keyboard, and then calls trace_session__poll(), which does what is due.
 */
#pragma once

#include "trace/trace_setup.h"
#include "util/failure.h"

struct trace_session;

enum trace_happened {
	TRACE_NOTHING,	/* nothing that a user would see */
	TRACE_REPORTED, /* a report was made; written unless the writer takes only the last */
	TRACE_ENDED,	/* the last report was made; do not poll again */
};

/*
 * Probes the process, or starts the command and waits until its Python is up. From then on SIGINT,
 * SIGTERM and SIGHUP are blocked: the first one ends the trace, a second one the program
 * (util/second_signal.h). Call this only once per process. Errors are described; the caller frees
 * *out.
 */
int trace_session__start(struct trace_session **out, const struct trace_setup *setup,
			 struct failure *failure);
void trace_session__free(struct trace_session *session);
void trace_session__freep(struct trace_session **session);

/* Readable when something is due. The session owns it. */
int trace_session__fd(const struct trace_session *session);

/*
 * Does what is due, without waiting; the first call makes the first report. Returns 0 with what was
 * done in *happened, or negative errno, which ends the trace. Errors are described; the description
 * is empty if the reader of the reports is gone.
 */
int trace_session__poll(struct trace_session *session, enum trace_happened *happened,
			struct failure *failure);

/* Logs why the trace ended, unless the user ended it, and whether the target forked. */
void trace_session__log_end(const struct trace_session *session);
