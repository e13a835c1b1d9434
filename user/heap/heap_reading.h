/* SPDX-License-Identifier: BSD-2-Clause */
/* How to read a heap from memory, and the counts of a reading. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct heap;

/*
 * After how many readings without a change a region is calm. Each reading reads one in CALM_SHARE
 * of the calm regions.
 */
#define CALM_READINGS 1
#define CALM_SHARE    8

/*
 * A partly used span that looks unchanged is read again once in this many readings of its region:
 * in a region that stays calm, once in CALM_SHARE times as many.
 */
#define SCRUB_READINGS 64

struct checkpoint_options {
	/*
	 * Prepare the heap to be updated by a later reading. Requires that nothing but readings
	 * changes it.
	 */
	bool keep_stamps;
	bool spare_calm; /* skip calm regions; with keep_stamps */
	/* Read just before: memory in its regions is not of another heap. NULL: there is none. */
	const struct heap *other;
	/*
	 * Called from time to time; may be NULL. A non-zero return value ends the reading, which
	 * returns it.
	 */
	int (*progress)(uint64_t done_bytes, uint64_t total_bytes, void *context);
	void *context;
};

struct checkpoint_counts {
	uint64_t calm_spans;	       /* in regions that were skipped */
	uint64_t unchanged_spans;      /* that looked unchanged and were not read */
	uint64_t scrubbed_spans;       /* that looked unchanged and were read nevertheless */
	uint64_t corrected_spans;      /* of the scrubbed ones, those that had changed */
	uint64_t retried_spans;	       /* that changed while they were read, and were read again */
	uint64_t unresolved_spans;     /* of those, changed each time */
	uint64_t unreadable_spans;     /* whose memory could not be read */
	uint64_t skipped_interpreters; /* whose own allocator could not be read */
};
