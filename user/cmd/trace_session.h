/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trace of one process, from its start to its last report: what its parts share.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "alerts/growth.h"
#include "cmd/alerting.h"
#include "cmd/options.h"
#include "cmd/wakeups.h"
#include "probes/tracer.h"
#include "pymalloc/heap_source.h"
#include "target/identity.h"
#include "target/launch.h"
#include "trace/allocation_sites.h"
#include "util/out_file.h"

struct trace {
	const struct options *options;
	struct launch launch; /* the command, if we started one */
	struct heap_source *source;
	struct tracer *tracer;
	struct allocation_sites sites;
	struct out_file *profile; /* where it will go; NULL: reports are wanted */
	struct pinned_history history;
	struct counters counters;
	struct heap_reading reading; /* of the last checkpoint */
	double whole_reading_ms;     /* what reading all of the heap would take */
	uint64_t since_ns;	     /* CLOCK_MONOTONIC: when it began */
	int skip_cnt;		     /* checkpoints skipped in a row */
	bool process_gone, ending;
	struct wakeups wakeups;
	struct alerting alerting;
	struct growth growth;
	struct identity identity; /* where there are rules for alerts */
};

/*
 * Probes the process that the options name, or starts their command and waits until its Python is
 * up. Errors are described.
 */
int trace__start(struct trace *trace, struct failure *failure);

/* For how long it has gone on. */
double trace__seconds(const struct trace *trace);

/*
 * Reports what is known now, as the options want it: to stdout; at the end a profile, or a
 * database, to its file. Looks whether alerts fire. On failure says so on stderr and returns
 * negative errno.
 */
int trace__report(struct trace *trace);
