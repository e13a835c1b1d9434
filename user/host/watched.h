/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Python of this host, and what was last read of its heap.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "alerts/growth.h"
#include "analysis/findings.h"
#include "analysis/pin_summary.h"
#include "heap/pinned.h"
#include "host/growth_watch.h"
#include "source/heap_source.h"
#include "target/identity.h"
#include "target/sleep_watch.h"
#include "util/backoff.h"
#include "util/counters.h"
#include "util/failure.h"

/* What a reading has found. */
struct watched_result {
	/*
	 * 0; -ETIME: it was ended, for it took more CPU time than it may; or as
	 * heap_source__read(). If not 0, only the next two say something.
	 */
	int err;
	struct failure failure;
	uint64_t taken_ns; /* of our CPU time */
	uint64_t time_ns;  /* CLOCK_MONOTONIC, when it had come to its end */
	bool with_kinds;   /* what kinds of objects pin was wanted */
	bool target_slept; /* all is as it was: the rest says nothing */
	struct findings findings;
	double duration_ms;
	struct counters counters;
	/* Of resident arena bytes those that another process has, too: a parent, children. */
	uint64_t shared_bytes;
	bool knows_shared;
	/* Who pins: kinds, if they were wanted; sites, while growth is watched. */
	struct pin_summary pins;
};

struct watched {
	/* Who it is: never changes. */
	pid_t pid;
	struct identity identity;
	struct heap_source *source;
	/* What readings have of it: theirs, while one is under way. */
	struct heap_reading reading;
	struct pinned_history history;
	struct sleep_watch sleep_watch;
	struct counters counters;
	uint32_t slept_cnt;	       /* readings in a row that there was no need for */
	struct growth_watch *growth;   /* NULL: it is not probed */
	struct backoff growth_backoff; /* it could not be; by CLOCK_MONOTONIC */
	/* What the last one has found. */
	struct watched_result last;
	bool has_last, has_slept /* since that reading */;
	int err; /* of the last reading; 0: it has found something, or there was none yet */
	bool wants_kinds;   /* an alert waits for who pins: */
	uint64_t kinds_ns;  /* CLOCK_MONOTONIC: when that was last looked for; 0: not yet */
	bool has_alert;	    /* one is firing, or will be if it goes on like this */
	bool wants_growth;  /* it is one of those to be probed: */
	uint64_t chosen_ns; /* CLOCK_MONOTONIC: since then */
	uint64_t read_ns;   /* CLOCK_MONOTONIC: when it was read last, or tried; 0: not yet */
	/*
	 * Of our CPU time, by the last one, unless it slept; and by the last one that was to find
	 * kinds; 0: none yet.
	 */
	uint64_t taken_ns, kinds_taken_ns;
	/* CLOCK_MONOTONIC: when the last one that did not fail was; 0: none yet. */
	uint64_t known_ns;
	uint32_t error_cnt;   /* readings that failed, in a row, but for these: */
	uint32_t refused_cnt; /* that would have taken more memory than there is, in a row */
	uint32_t overrun_cnt; /* that took more CPU time than one may, in a row */
	struct growth trend;
};

struct watched_options {
	struct findings_options findings;
	bool with_shared;
	uint32_t sites; /* allocation sites reported of each that is probed; 0: none is probed */
	/* What probes may take of a process' CPU time, where growth is watched. */
	double probes_budget;
	/* CPU time that one reading may take; 0: by the memory of the process. */
	double max_cpu_s;
	/* Of this reading: as the watched wants it. */
	bool with_kinds, with_growth;
};

/*
 * Begins to watch process @pid, with memory that is part of @total. Errors as heap_source__open();
 * the caller frees.
 */
int watched__new(struct watched **out, pid_t pid, struct account *total, struct failure *failure);
/* Waits for nobody, but for the kernel and file servers where growth is watched. */
void watched__free(struct watched *watched);
void watched__freep(struct watched **watched);

/*
 * Reads what has changed, and begins or ends to watch growth. It touches nothing of what is known
 * by now, so that may be looked at meanwhile. The result, if not adopted, is the caller's to
 * release.
 */
void watched__read(struct watched *watched, const struct watched_options *options,
		   struct watched_result *out);
void watched_result__release(struct watched_result *result);

/* What all that is known of it takes of our memory, bytes; also while it is read. */
uint64_t watched__used_bytes(const struct watched *watched);

/*
 * Gives up memory: the heap image, so that the next reading begins anew; or, where there is none,
 * what the last reading has found. Not while it is read, nor of one that is probed. Returns whether
 * there was any.
 */
bool watched__forget(struct watched *watched);

/* While growth is watched, some times a second, but not while it is read. */
void watched__tend(struct watched *watched);

/* What the next reading will take of our CPU time, by what it is to find; 0: nobody knows. */
uint64_t watched__expected_ns(const struct watched *watched);

/* Why what is known of it is not of now: what became of the last reading. NULL: it succeeded. */
const char *watched__trouble(const struct watched *watched);

/* Takes over the result of a reading: that is what is known from here on. */
void watched__adopt(struct watched *watched, struct watched_result *result);

/* Who answers for it. */
process_owner watched__owner(const struct watched *watched);

/* Whether it is still there, and still the same program. */
bool watched__is_alive(const struct watched *watched);
