/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Python of this host, and what was last read of its heap.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pyfrag/counters.h"
#include "pymalloc/heap_source.h"
#include "pymalloc/pinned.h"
#include "report/findings.h"
#include "util/failure.h"

/* How far back the trend looks. */
#define TREND_SAMPLES 8

struct watched {
	pid_t pid;
	char *app;   /* as identity__app() */
	char *label; /* its container or unit; "" if it is in none */
	char *user;  /* by name, or number if that has none */
	struct heap_source *source;
	struct heap_reading reading;
	struct pinned_history history;
	struct findings findings; /* of the last reading; */
	bool has_findings;
	uint64_t counters[COUNTER_CNT];
	uint64_t read_ns;   /* CLOCK_MONOTONIC, of the last reading; 0: none yet */
	uint64_t taken_ns;  /* what that took of our CPU time */
	uint32_t error_cnt; /* readings that failed, in a row */
	struct trend_sample {
		uint64_t time_ns, arena_bytes;
	} samples[TREND_SAMPLES]; /* a ring */
	uint32_t sample_cnt;
	/* Of resident arena bytes those that another process has, too: a parent, children. */
	uint64_t shared_bytes;
	bool knows_shared;
};

struct watched_options {
	double below;
	uint32_t blocks_per_arena_max;
	uint64_t max_memory_bytes;
	bool with_shared;
};

/* Begins to watch process @pid. Errors as heap_source__open(); the caller frees. */
int watched__new(struct watched **out, pid_t pid, struct failure *failure);
void watched__free(struct watched *watched);

/* Reads what has changed. Returns 0 or as heap_source__read(). */
int watched__read(struct watched *watched, const struct watched_options *options,
		  struct failure *failure);

/* Whether it is still there, and still the same program. */
bool watched__is_alive(const struct watched *watched);

/* By how much its arenas grow, bytes a minute, over the last readings; 0 if there are too few. */
double watched__growth_per_minute(const struct watched *watched);
