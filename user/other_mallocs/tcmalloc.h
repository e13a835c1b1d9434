/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads what the tcmalloc of gperftools has its memory for. Each span, a run of pages, is active
 * (a large allocation, or small ones of one size), unused (free, but not returned to the system) or
 * returned. tcmalloc's own tables are in what is left between the spans: it gets all of its memory
 * from brk(2), or from mmap(2) where that fails, and counts it in TCMalloc_SystemTaken.
 *
 * Sources: gperftools 2.8.1 to 2.18.1, src/pagemap.h (TCMalloc_PageMap2), span.h, page_heap.h,
 * system-alloc.cc, for addresses of 48 bits and pages of 8 KiB (the default).
 */
#pragma once

#include "other_mallocs/other_malloc.h"
#include "other_mallocs/page_tree.h"
#include "target/target.h"

extern const struct page_tree_kind tcmalloc_tree;

/*
 * Reads the memory of the tcmalloc with that @tree. Returns 0, -EDQUOT, -ENOMEM, or as
 * memory__read_ranges(). The caller releases @out, also on failure.
 */
int tcmalloc__read(struct other_malloc *out, const struct target *target,
		   const struct page_tree *tree);
