/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the resident memory of pymalloc and of malloc is used for. Both divide their address space
 * by the byte, as their images say; of that, what lies in pages that are not resident is taken
 * away. These are few in a heap that is in use: the untouched rest of it, or what was returned to
 * the kernel. So not all blocks have to be passed over, only those in such pages.
 */
#pragma once

#include "analysis/memory_parts.h"
#include "heap/heap.h"
#include "malloc/mallocs.h"
#include "target/target.h"

struct resident_states_of {
	const struct target *target;
	/* All regions of the process, with their resident bytes, sorted by address. */
	const struct memory_region *regions;
	size_t region_cnt;
	struct account *account;
};

/*
 * Divides the resident bytes of arenas, *resident of them, into @states. If the source does not
 * know which pages are resident, all stays undivided. Returns 0, -EDQUOT, -ENOMEM, -ETIME, or as
 * target__find_resident().
 */
int resident_states__of_arenas(uint64_t states[MEMORY_STATE_CNT], uint64_t resident,
			       const struct resident_states_of *of, const struct heap *heap);

/* The same for the resident bytes of glibc's mallocs. */
int resident_states__of_malloc(uint64_t states[MEMORY_STATE_CNT], uint64_t resident,
			       const struct resident_states_of *of, const struct mallocs *mallocs);
