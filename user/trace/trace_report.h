/* SPDX-License-Identifier: BSD-2-Clause */
/* One report of a trace. */
#pragma once

#include "trace/trace_state.h"

/*
 * Works out what is known now, checks alerts, and has the writer write it, unless it takes the last
 * report only and this is none. Errors as trace_session__poll().
 */
int trace_report__make(struct trace_session *session, struct failure *failure);

/* For how long the trace has gone on. */
double trace_report__seconds(const struct trace_session *session);
