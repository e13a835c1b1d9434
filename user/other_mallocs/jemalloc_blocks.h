/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The blocks from which jemalloc takes the memory for its own tables. A block begins at a multiple
 * of 2 MiB with its size, a multiple of 2 MiB, too; the address of the next block of the same
 * arena; and the structure of the extent that is its unused rest, which reaches to its end. This
 * proves the header.
 *
 * Source: base_block_s in include/jemalloc/internal/base.h (base_structs.h to 5.2), base.c; the
 * same in jemalloc 5.0.0 to 5.3.1.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "malloc/malloc_range.h"
#include "target/target.h"

/* Zero-initialized. */
struct jemalloc_blocks {
	struct malloc_range *items;
	size_t cnt, capacity;
	size_t last; /* that was found last */
};

/*
 * Adds the block that contains @address, a piece of jemalloc's metadata, and those that follow it
 * in its list, unless they are known. If there is none, nothing is added. Returns 0, -EDQUOT,
 * -ENOMEM, or as memory__read_ranges().
 */
int jemalloc_blocks__add(struct jemalloc_blocks *blocks, const struct target *target,
			 uint64_t address);
void jemalloc_blocks__release(struct jemalloc_blocks *blocks);
