/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What malloc had at one reading, in a few figures for each arena: enough to compare with a later
 * reading when the chunks of this one are long forgotten.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "analysis/memory_figures.h"
#include "analysis/process_memory.h"
#include "malloc/top_pins.h"
#include "target/target.h"
#include "util/account.h"

/* Bytes, except for numbers of arenas. FIGURE_UNKNOWN: not known. */
enum malloc_figure {
	MALLOC_IN_USE,	  /* chunks in use by the program; in all of malloc also mapped ones */
	MALLOC_FREE,	  /* free or cached chunks, and tops */
	MALLOC_TRIMMABLE, /* resident: what malloc_trim(0) would release */
	MALLOC_PINNED, /* resident: what is not released because of pins (top_pin__kept_bytes()) */
	MALLOC_LOST,   /* not found or not walked, so not in the others */
	ARENA_FIGURE_CNT,
	/* Of all of malloc only: */
	MALLOC_ARENAS = ARENA_FIGURE_CNT,
	MALLOC_ARENAS_DAMAGED, /* those of them whose heaps could not be found */
	MALLOC_FIGURE_CNT,
};

struct arena_record {
	uint64_t address;
	bool is_main;
	uint64_t threads; /* attached */
	pid_t thread;	  /* one of these, 0: none is known; and its name */
	char thread_name[THREAD_NAME_BYTES];
	uint64_t figures[ARENA_FIGURE_CNT];
	struct top_pin pin; /* the first one; if pin.block is 0, there is none */
};

/* Zero-initialized. */
struct malloc_record {
	uint64_t read_ns; /* CLOCK_MONOTONIC: when that was; 0: nothing is recorded */
	uint64_t figures[MALLOC_FIGURE_CNT];
	struct arena_record *arenas; /* sorted by address */
	size_t arena_cnt;
};

/*
 * Records the mallocs of @memory, which was read at @read_ns. Nothing is recorded if they are not
 * known, or if the process does not use glibc's malloc. Returns 0, -EDQUOT or -ENOMEM. The caller
 * releases @out.
 */
int malloc_record__make(struct malloc_record *out, const struct process_memory *memory,
			uint64_t read_ns, struct account *account);
void malloc_record__release(struct malloc_record *record);

/* The arena at @address; NULL: there was none. */
const struct arena_record *malloc_record__find(const struct malloc_record *record,
					       uint64_t address);
