/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding pymalloc's state without symbols.
 *
 * `usedpools` finds itself. It is a table of one pair of pointers for each size class, the heads of
 * circular lists of pools, and it is laid out so that each pair can be taken for the nextpool and
 * prevpool members of a pool header 16 bytes before it. So a pair of an empty class points at itself
 * less 16, both words, and a pair of a class in use points at two pools that say which class they are
 * of and point back. No other run of 32 (or, with an alignment of 8, 64) pairs does.
 *
 * The array of arenas then is where some word of the same data points to 48-byte records in which the
 * index that each used pool carries leads to an arena around that pool.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pymalloc/arena_table.h"
#include "pymalloc/geometry.h"
#include "target/memory.h"
#include "target/module.h"

/* One allocator state ("OMState" in CPython): a process has several if interpreters have their own. */
struct allocator {
	uint64_t usedpools;
	/*
	 * Where the pointer to the arena array is read from. More than one address as long as several
	 * words hold the same, right value: `usable_arenas` may happen to. Those that go astray are
	 * dropped when the table is read again (see allocators__read_arenas()).
	 */
	uint64_t arenas_at[8];
	size_t arenas_at_cnt;
};

struct allocators {
	struct geometry geometry;
	struct allocator *items;
	size_t cnt;
};

/*
 * Finds the allocator of the main interpreter in the writable data of the module that holds CPython.
 * The caller frees *out. Errors:
 * -ENOENT   no such table: not a CPython with pymalloc, or not initialized
 * -ENODATA  the table is there and empty and there are no arenas: pymalloc is not in use
 * -EAGAIN   the target changed it under us too often
 * or negative errno of reading.
 */
int allocators__locate(struct allocators *out, const struct data_image *data,
		       const struct memory *memory);

/*
 * Adds the allocators of the other interpreters (3.12 and later), and drops those that are gone. The
 * first of the list is the main interpreter's and stays. @interpreters are the addresses of all
 * PyInterpreterState. Where the state is kept in that structure is found from the main one: it either
 * holds the table (3.12) or a pointer to it (3.13 on). Returns 0 or negative errno.
 */
int allocators__add_interpreters(struct allocators *allocators, const uint64_t *interpreters,
				 size_t cnt, const struct memory *memory);

/*
 * Reads the arenas of all allocators, sorted by address, checked for overlaps. Errors: -EAGAIN the
 * table changed while it was read; -EUCLEAN it makes no sense; -E2BIG more than ARENAS_MAX; or
 * negative errno of reading. The caller frees *out.
 */
int allocators__read_arenas(struct allocators *allocators, const struct memory *memory,
			    struct arena **out, size_t *cnt);

void allocators__free(struct allocators *allocators);
