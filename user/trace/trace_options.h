/* SPDX-License-Identifier: BSD-2-Clause */
/* How to trace a process. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/pace.h"

enum trace_mode {
	TRACE_WATCH, /* as much as the budget allows */
	TRACE_FULL,  /* every allocation and free */
};

enum stacks {
	STACKS_PYTHON,
	STACKS_NONE,
};

struct trace_options {
	enum trace_mode mode;
	/*
	 * The interval is that of reports. The budget is a share of the target's CPU time, for
	 * TRACE_WATCH.
	 */
	struct pace pace;
	double duration_s; /* 0: until the process ends or a signal arrives */
	enum stacks stacks;
	uint64_t sample_bytes; /* mean sampling interval in bytes; 0: every allocation */
	bool no_cache;	       /* scan for probe sites even if they are cached */
};
