/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding pymalloc's state without symbols: the table of used pools (see used_pools.h), and from it
 * the array of arenas. That is where some word of the same data points to 48-byte records in which
 * the index that each used pool carries leads to an arena around that pool.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pymalloc/arena_table.h"
#include "pymalloc/geometry.h"
#include "target/memory.h"
#include "target/module_data.h"
#include "target/target.h"

/*
 * One allocator state ("OMState" in CPython): a process has several if interpreters have their own.
 */
struct obmalloc_state {
	uint64_t used_pools; /* address of the table */
	/*
	 * Where the pointer to the arena array is read from. More than one address as long as
	 * several words hold the same, right value: `usable_arenas` may happen to. Those that go
	 * astray are dropped when the table is read again (see obmalloc__read_arenas()).
	 */
	uint64_t arenas_at[8];
	size_t arenas_at_cnt;
	size_t slot_cnt; /* of the arena array, when it was last read */
};

/* All of them in a process; the main interpreter's is the first. */
struct obmalloc {
	struct geometry geometry;
	struct obmalloc_state *items;
	size_t cnt;
};

/*
 * Finds the state of the main interpreter in the writable data of the module that holds CPython.
 * The mappings of @target help to tell addresses from other words; NULL: they are not known. The
 * caller frees *out. Errors:
 *   -ENOENT   there is no such table: not a CPython with pymalloc, or not initialized
 *   -ENODATA  the table is there and empty: pymalloc is not in use
 *   -EAGAIN   no arenas fit its pools: the target changed them too fast, or they are damaged
 * or negative errno of reading.
 */
int obmalloc__locate(struct obmalloc *out, const struct data_image *data,
		     const struct target *target, const struct memory *memory);

/*
 * Adds the states of the other interpreters (3.12 and later), and drops those of interpreters that
 * have ended. @interpreters are the addresses of all PyInterpreterState. Where the state is kept in
 * that structure is found from the main one: it either holds the table (3.12) or a pointer to it
 * (3.13 on). Returns 0 or negative errno.
 */
int obmalloc__add_interpreters(struct obmalloc *obmalloc, const uint64_t *interpreters, size_t cnt,
			       const struct memory *memory);

/*
 * Reads the arenas of all states, sorted by address, checked for overlaps. A state that is not the
 * main interpreter's and cannot be read (its interpreter has ended meanwhile) is left out and
 * counted in *skipped. Errors: -EAGAIN the table changed each time it was read; -EUCLEAN arenas
 * overlap; -E2BIG more than ARENAS_MAX; or negative errno of reading. The caller releases *out with
 * account__free().
 */
int obmalloc__read_arenas(struct obmalloc *obmalloc, const struct memory *memory,
			  struct region **out, size_t *cnt, uint64_t *skipped);

void obmalloc__free(struct obmalloc *obmalloc);
