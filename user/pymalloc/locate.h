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
struct allocator {
	uint64_t used_pools; /* address of the table */
	/*
	 * Where the pointer to the arena array is read from. More than one address as long as
	 * several words hold the same, right value: `usable_arenas` may happen to. Those that go
	 * astray are dropped when the table is read again (see allocators__read_arenas()).
	 */
	uint64_t arenas_at[8];
	size_t arenas_at_cnt;
	size_t slot_cnt; /* of the arena array, when it was last read */
};

struct allocators {
	struct geometry geometry;
	struct allocator *items;
	size_t cnt;
};

/*
 * Finds the allocator of the main interpreter in the writable data of the module that holds
 * CPython. @target: whose it is, to tell addresses from other words by what is mapped; NULL: not
 * known. The caller frees *out. Errors: -ENOENT   no such table: not a CPython with pymalloc, or
 * not initialized -ENODATA  the table is there and empty: pymalloc is not in use -EAGAIN   no
 * arenas fit its pools: the target changed them too fast, or they are damaged or negative errno of
 * reading.
 */
int allocators__locate(struct allocators *out, const struct data_image *data,
		       const struct target *target, const struct memory *memory);

/*
 * Adds the allocators of the other interpreters (3.12 and later), and drops those that are gone.
 * The first of the list is the main interpreter's and stays. @interpreters are the addresses of all
 * PyInterpreterState. Where the state is kept in that structure is found from the main one: it
 * either holds the table (3.12) or a pointer to it (3.13 on). Returns 0 or negative errno.
 */
int allocators__add_interpreters(struct allocators *allocators, const uint64_t *interpreters,
				 size_t cnt, const struct memory *memory);

/*
 * Reads the arenas of all allocators, sorted by address, checked for overlaps. An allocator that is
 * not the main interpreter's and cannot be read (its interpreter has ended meanwhile) is left out
 * and counted in *skipped. Errors: -EAGAIN the table changed each time it was read; -EUCLEAN arenas
 * overlap; -E2BIG more than ARENAS_MAX; or negative errno of reading. The caller releases *out with
 * account__free().
 */
int allocators__read_arenas(struct allocators *allocators, const struct memory *memory,
			    struct arena **out, size_t *cnt, uint64_t *skipped);

void allocators__free(struct allocators *allocators);
