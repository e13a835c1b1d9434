/* SPDX-License-Identifier: BSD-2-Clause */
/* A single report of a trace. */
#pragma once

#include "trace/trace_state.h"

/*
 * Collects the current state, checks alerts, and passes the report to the writer, unless the writer
 * takes only the last report and this is not the last. Errors as in trace_session__poll().
 */
int trace_report__make(struct trace_session *session, struct failure *failure);

/* Time since the trace began. */
double trace_report__seconds(const struct trace_session *session);
