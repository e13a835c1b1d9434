/* SPDX-License-Identifier: BSD-2-Clause */
/* How a trace begins: on a process that runs, or with a command. */
#pragma once

#include "trace/trace_state.h"

/* Finds the Python, probes it, and begins to follow its heap. Errors are described. */
int trace_start__begin(struct trace_session *session, struct failure *failure);
