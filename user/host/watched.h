/* SPDX-License-Identifier: BSD-2-Clause */
/* A Python of this host, and the results of the last reading of its heap. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "alerts/growth.h"
#include "analysis/findings.h"
#include "analysis/pin_summary.h"
#include "heap/pinned.h"
#include "host/growth_watch.h"
#include "host/memory_readings.h"
#include "source/heap_source.h"
#include "target/identity.h"
#include "target/sleep_watch.h"
#include "util/backoff.h"
#include "util/counters.h"
#include "util/failure.h"

/* What a reading found. */
struct watched_result {
	/*
	 * 0; -ETIME if it was aborted because it exceeded its CPU time; or an error of
	 * heap_source__read(). On errors only the members up to @with_kinds are valid.
	 */
	int err;
	struct failure failure;
	uint64_t taken_ns; /* of our CPU time */
	uint64_t time_ns;  /* CLOCK_MONOTONIC: when it finished */
	bool with_kinds;   /* whether the kinds of objects that pin were requested */
	bool target_slept; /* nothing has changed: members below are not set */
	struct findings findings;
	double duration_ms;
	struct counters counters;
	/* Resident arena bytes shared with other processes (parent, children). */
	uint64_t shared_bytes;
	bool knows_shared;
	/* What pins: kinds, if requested; sites, while it is probed. */
	struct pin_summary pins;
	/* If other memory than the heap was read: its figures, and the CPU time that it took. */
	bool with_memory;
	struct memory_figures memory;
	uint64_t memory_taken_ns;
};

struct watched {
	/* Identity; never changes. */
	pid_t pid;
	struct identity identity;
	struct heap_source *source;
	/* State of the readings; while one runs, only that one may access it. */
	struct heap_reading reading;
	struct pinned_history history;
	struct sleep_watch sleep_watch;
	struct memory_readings memory_readings;
	struct counters counters;
	uint32_t slept_cnt;	       /* readings skipped in a row */
	struct growth_watch *growth;   /* NULL: not probed */
	struct backoff growth_backoff; /* after failed probing; by CLOCK_MONOTONIC */
	/* Results of the last successful reading that was not skipped. */
	struct watched_result last;
	bool has_last, has_slept /* it slept since */;
	int err;	    /* of the last reading; 0: it succeeded, or there was none */
	bool wants_kinds;   /* an alert waits to learn what pins: */
	uint64_t kinds_ns;  /* CLOCK_MONOTONIC: when that was last determined; 0: never */
	bool has_alert;	    /* an alert fires, or will if its rule stays true */
	bool wants_growth;  /* it is chosen to be probed: */
	uint64_t chosen_ns; /* CLOCK_MONOTONIC: when it was chosen */
	uint64_t read_ns;   /* CLOCK_MONOTONIC: last reading, or attempt; 0: none yet */
	/*
	 * CPU time of the last reading without kinds that was not skipped, and of the last one with
	 * kinds; 0: none yet.
	 */
	uint64_t taken_ns, kinds_taken_ns;
	/* CLOCK_MONOTONIC: last successful reading; 0: none yet. */
	uint64_t known_ns;
	uint32_t error_cnt;   /* consecutive failed readings, other than those below */
	uint32_t refused_cnt; /* consecutive readings that were refused memory */
	uint32_t overrun_cnt; /* consecutive readings that exceeded their CPU time */
	struct growth trend;
	/* Of the last reading that included it; CLOCK_MONOTONIC: when that was, 0: none yet. */
	struct memory_figures memory;
	uint64_t memory_ns;
};

struct watched_options {
	struct findings_options findings;
	bool with_shared;
	bool with_memory; /* now and then read other memory than the heap */
	uint32_t sites;	  /* allocation sites reported for each probed process; 0: do not probe */
	/* The share of a process's CPU time that its probes may take. */
	double probes_budget;
	/* CPU seconds that one reading may take; 0: depends on the memory of the process. */
	double max_cpu_s;
	bool reads_swapped; /* also pages that are swapped out */
	/* Per reading: what the struct watched asks for. */
	bool with_kinds, with_growth;
};

/*
 * Starts to watch process @pid, with memory charged to @total. @reads_swapped: also read pages that
 * are swapped out. Errors are those of heap_source__open(). The caller frees @out.
 */
int watched__new(struct watched **out, pid_t pid, struct account *total, bool reads_swapped,
		 struct failure *failure);
/* Does not block, except in the kernel and on file servers if the process is probed. */
void watched__free(struct watched *watched);
void watched__freep(struct watched **watched);

/*
 * Reads what has changed, and starts or stops probing. Does not touch results of previous readings,
 * so they may be used meanwhile. Unless @out is adopted, the caller releases it.
 */
void watched__read(struct watched *watched, const struct watched_options *options,
		   struct watched_result *out);
void watched_result__release(struct watched_result *result);

/* Memory used for the data about this process, in bytes. May be called during a reading. */
uint64_t watched__used_bytes(const struct watched *watched);

/*
 * Drops the heap image, so that the next reading starts from scratch; or, if there is none, the
 * results of the last reading. Must not be called during a reading or while the process is probed.
 * Returns whether there was anything to drop.
 */
bool watched__forget(struct watched *watched);

/*
 * Maintains the probes, if there are any; call it a few times a second, but not during a reading.
 */
void watched__tend(struct watched *watched);

/*
 * The expected CPU time of the next reading, given what it is asked for, and whether it includes
 * other memory than the heap; 0: unknown.
 */
uint64_t watched__expected_ns(const struct watched *watched, bool with_memory);

/* Whether the next reading should include other memory than the heap. */
bool watched__is_memory_due(const struct watched *watched);

/*
 * Why the known results are not up to date: what the last reading failed with. NULL: it succeeded.
 */
const char *watched__trouble(const struct watched *watched);

/* Takes over the result of a reading. */
void watched__adopt(struct watched *watched, struct watched_result *result);

/* The owner of the process. */
process_owner watched__owner(const struct watched *watched);

/* Whether the process still exists and still runs the same program. */
bool watched__is_alive(const struct watched *watched);
