/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has changed in malloc during a trace: since its first reading, and since the report before.
 * An arena is known by its address: glibc never gives one up, and one thread after the other uses
 * it. An arena that an earlier reading did not find is a new one, with nothing in it before.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/malloc_record.h"

/* The arenas that are listed of each comparison. */
#define ARENA_CHANGES_MAX 64

struct arena_change {
	const struct arena_record *was, *now; /* @was is NULL if the arena is new */
};

/* Refers to both records. */
struct malloc_change {
	const struct malloc_record *was, *now;
	/* Arenas that have other figures now: those whose free memory grew most, most first. */
	struct arena_change arenas[ARENA_CHANGES_MAX];
	size_t arena_cnt;
	size_t changed_arenas, new_arenas, gone_arenas; /* of all */
	uint64_t new_in_use_bytes, new_free_bytes;	/* in all new arenas */
	/* The arena where pins keep most more than before, and how much; NULL: there is none. */
	const struct arena_record *most_pinned;
	int64_t most_pinned_bytes;
};

/* Zero-initialized, but for @begun_ns. */
struct malloc_changes {
	uint64_t begun_ns; /* CLOCK_MONOTONIC: start of the trace */
	/* Of the first reading, for the report before, and for this one. */
	struct malloc_record first, before, now;
};

/*
 * Takes note of what @memory, read at @read_ns (CLOCK_MONOTONIC), has for the next report. Without
 * a malloc in it, nothing is recorded for this report, and later ones are compared with those
 * before it. The same after an error: -EDQUOT or -ENOMEM.
 */
int malloc_changes__note(struct malloc_changes *changes, const struct process_memory *memory,
			 uint64_t read_ns, struct account *account);
void malloc_changes__release(struct malloc_changes *changes);

/* Seconds from the start of the trace to the reading. */
double malloc_changes__seconds(const struct malloc_changes *changes,
			       const struct malloc_record *record);

/* Compares two records, both of which must be of a reading. */
void malloc_change__find(struct malloc_change *out, const struct malloc_record *was,
			 const struct malloc_record *now);

/* What a figure has changed by; false: it is not known now, or was not. */
bool malloc_figure__change(const uint64_t *was, const uint64_t *now, enum malloc_figure figure,
			   int64_t *change);
