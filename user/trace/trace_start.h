/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts a trace, of a running process or of a command. */
#pragma once

#include "trace/trace_state.h"

/* Finds the Python, probes it, and starts following its heap. Errors are described. */
int trace_start__begin(struct trace_session *session, struct failure *failure);
