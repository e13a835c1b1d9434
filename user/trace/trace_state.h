/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of a trace share: its start, its loop and its reports.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "alerts/growth.h"
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
	double whole_reading_ms;     /* what reading all of the heap would take */
	uint64_t since_ns;	     /* CLOCK_MONOTONIC: when it began */
	int skip_cnt;		     /* checkpoints skipped in a row */
	uint64_t report_cnt;	     /* reports made */
	bool has_begun;		     /* the first poll was made */
	bool process_gone, ending;
	bool has_ended;		 /* the last report was due: */
	enum wakeup last_wakeup; /* because of this */
	struct wakeups wakeups;
	struct growth growth;
	struct identity identity; /* where there are rules for alerts */
};
