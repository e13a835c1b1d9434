/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds pymalloc's state without symbols: first the table of used pools (see used_pools.h), then
 * the array of arenas. The pointer to the array is a word in the same data. It points to 48-byte
 * records; the record at the index that a used pool carries must describe an arena around that
 * pool.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pymalloc/arena_table.h"
#include "pymalloc/geometry.h"
#include "target/memory.h"
#include "target/module_data.h"
#include "target/target.h"

/*
 * One allocator state ("OMState" in CPython). A process has several if interpreters have their own.
 */
struct obmalloc_state {
	uint64_t used_pools; /* address of the table of used pools */
	/*
	 * Addresses of the words that point to the arena array. There can be several while other
	 * words, such as `usable_arenas`, happen to hold the same value. Words that no longer do
	 * are dropped when the array is read again (see obmalloc__read_arenas()).
	 */
	uint64_t arenas_at[8];
	size_t arenas_at_cnt;
	size_t slot_cnt;    /* slots in the arena array at the last reading */
	bool may_be_unused; /* there may be no arena array yet */
};

/* All allocator states of a process; the main interpreter's is the first. */
struct obmalloc {
	struct geometry geometry;
	struct obmalloc_state *items;
	size_t cnt;
};

/*
 * Finds the state of the main interpreter in the writable data of the module that contains CPython.
 * The mappings of @target help to tell addresses from other words; @target may be NULL. The caller
 * frees *out. Errors:
 *   -ENOENT   no such table: not a CPython with pymalloc, or not initialized
 *   -ENODATA  the table is empty: pymalloc is not in use
 *   -EAGAIN   no arenas match the pools: the target changed them too fast, or they are damaged
 * or negative errno of reading.
 */
int obmalloc__locate(struct obmalloc *out, const struct data_image *data,
		     const struct target *target, const struct memory *memory);

/*
 * Adds the states of the other interpreters (3.12 and later), and drops those of interpreters that
 * have ended. @interpreters: addresses of all PyInterpreterState structures. The offset of the
 * state in that structure is determined from the main interpreter, whose structure contains either
 * the table (3.12) or a pointer to it (since 3.13). A state that cannot be read now, because it is
 * changing or its interpreter has just ended, is omitted and counted in *skipped. Returns 0 or
 * negative errno.
 */
int obmalloc__add_interpreters(struct obmalloc *obmalloc, const uint64_t *interpreters, size_t cnt,
			       const struct memory *memory, uint64_t *skipped);

/*
 * Reads the arenas of all states, sorted by address and checked for overlaps. A state other than
 * the main interpreter's that cannot be read, because its interpreter has ended, is omitted and
 * counted in *skipped. Errors: -EAGAIN the table changed during each attempt; -EUCLEAN arenas
 * overlap; -E2BIG more than ARENAS_MAX; or negative errno of reading. The caller releases *out with
 * account__free().
 */
int obmalloc__read_arenas(struct obmalloc *obmalloc, const struct memory *memory,
			  struct region **out, size_t *cnt, uint64_t *skipped);

void obmalloc__free(struct obmalloc *obmalloc);
