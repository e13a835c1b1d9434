/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads what jemalloc 5 has its memory for. Each extent is active (allocations, or a slab of small
 * ones), unused (dirty or muzzy: jemalloc returns it to the system after a while), or returned
 * (retained address space). The tables of jemalloc itself are in base blocks, which are found from
 * the extents' structures that lie in them.
 *
 * Sources: jemalloc 5.0.0 to 5.3.1, include/jemalloc/internal/rtree.h and emap.h, with pages of
 * 4 KiB; and those of jemalloc_layout.h. Up to jemalloc 4 there is no such
 * tree.
 */
#pragma once

#include "other_mallocs/other_malloc.h"
#include "other_mallocs/page_tree.h"
#include "target/target.h"

/* For addresses of 48 bits, and of 57; that depends on the machine that it was built on. */
#define JEMALLOC_TREES 2
extern const struct page_tree_kind jemalloc_trees[JEMALLOC_TREES];

/*
 * Reads the memory of the jemalloc with that @tree. Returns 0, -EDQUOT, -ENOMEM, or as
 * memory__read_ranges(). The caller releases @out, also on failure.
 */
int jemalloc__read(struct other_malloc *out, const struct target *target,
		   const struct page_tree *tree);
