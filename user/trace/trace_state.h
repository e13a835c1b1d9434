/* SPDX-License-Identifier: BSD-2-Clause */
/* The state that the start, the loop and the reports of a trace share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "alerts/growth.h"
#include "analysis/malloc_changes.h"
#include "analysis/memory_watch.h"
#include "probes/tracer.h"
#include "source/heap_source.h"
#include "target/identity.h"
#include "target/launch.h"
#include "trace/allocation_sites.h"
#include "trace/trace_setup.h"
#include "trace/wakeups.h"

struct trace_session {
	struct trace_setup setup;
	struct launch launch; /* the command, if one was started */
	struct heap_source *source;
	struct tracer *tracer;
	struct allocation_sites sites;
	struct pinned_history history;
	struct counters counters;
	struct heap_reading reading; /* of the last checkpoint */
	struct memory_watch memory;  /* all other memory */
	struct malloc_changes malloc_changes;
	double whole_reading_ms; /* estimated time for reading the whole heap */
	uint64_t since_ns;	 /* CLOCK_MONOTONIC: start of the trace */
	int skip_cnt;		 /* checkpoints skipped in succession */
	uint64_t report_cnt;	 /* reports made */
	bool has_begun;		 /* the first poll has been made */
	const char *departure;	 /* how the process left, for messages; NULL: it is still there */
	bool ending;
	bool has_ended;		 /* the last report was due, for the following reason */
	enum wakeup last_wakeup; /* set if has_ended */
	struct wakeups wakeups;
	struct growth growth;
	struct identity identity; /* set if there are alert rules */
};
