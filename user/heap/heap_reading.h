/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a heap from memory: how, and what that came to.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* When a region counts as calm, and the share of calm ones that is looked at in each reading. */
#define CALM_READINGS 1
#define CALM_SHARE    8

/* A partly used span that looks the same is read again each so many readings. */
#define SCRUB_READINGS 64

struct checkpoint_options {
	/*
	 * For a heap that is to be brought up to date later; only if nothing but readings changes
	 * it.
	 */
	bool keep_stamps;
	bool spare_calm; /* with keep_stamps: pass over calm regions */
	/* Called now and then; may be NULL. A non-zero return ends the reading with that value. */
	int (*progress)(uint64_t done_bytes, uint64_t total_bytes, void *context);
	void *context;
};

struct checkpoint_counts {
	uint64_t calm_spans;	       /* in regions that were passed over */
	uint64_t unchanged_spans;      /* that looked as before, and were not read */
	uint64_t scrubbed_spans;       /* that were read all the same */
	uint64_t corrected_spans;      /* of those, changed */
	uint64_t retried_spans;	       /* that changed under the reader and were read again */
	uint64_t unresolved_spans;     /* of those, changed each time: taken from a torn copy */
	uint64_t unreadable_spans;     /* not readable: memory that is not there */
	uint64_t skipped_interpreters; /* with an allocator of their own that was not readable */
};
