/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a process is traced.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/pace.h"

enum trace_mode {
	TRACE_WATCH, /* what the budget allows */
	TRACE_FULL,  /* each allocation and free */
};

enum stacks {
	STACKS_PYTHON,
	STACKS_NONE,
};

struct trace_options {
	enum trace_mode mode;
	/* Of reports; the budget is a share of the target's CPU time, for TRACE_WATCH. */
	struct pace pace;
	double duration_s; /* 0: until the process ends, or a signal comes */
	enum stacks stacks;
	uint64_t sample_bytes; /* mean sampling interval, bytes; 0: every allocation */
	bool no_cache;	       /* scan for probe sites even if they are known */
};
