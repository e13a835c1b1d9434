/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has which memory of a process, as far as it has no file: everything that knows where its
 * memory is says so here, and memory_parts.h settles what overlaps. To divide the memory of another
 * user, add its ranges in memory_owners__find().
 */
#pragma once

#include "analysis/memory_parts.h"
#include "analysis/thread_stacks.h"
#include "heap/heap.h"
#include "malloc/malloc_areas.h"
#include "malloc/mallocs.h"
#include "other_mallocs/other_mallocs.h"
#include "target/frame_stacks.h"
#include "target/mapping.h"
#include "target/python.h"
#include "target/target.h"

/* What is known of a process when its memory is divided. */
struct memory_use_of {
	const struct target *target;
	const struct heap *heap;		   /* its arenas */
	const struct malloc_areas *malloc;	   /* what glibc's malloc has */
	const struct mallocs *mallocs;		   /* NULL: its chunks were not read */
	const struct other_mallocs *other_mallocs; /* NULL: none */
	const struct python *python; /* NULL: the stacks of its frames are not looked for */
};

/* Zero-initialized, except for the account of the ranges. */
struct memory_owners {
	struct part_ranges ranges; /* settled */
	struct frame_stacks frames;
	struct thread_stacks stacks; /* a range of MEMORY_STACKS has the number of one as owner */
};

/*
 * Finds all that is known of the memory in @mappings, those of the process. Returns 0, -EDQUOT,
 * -ENOMEM, or as memory__read_ranges(). The caller releases @out, also on failure.
 */
int memory_owners__find(struct memory_owners *out, const struct memory_use_of *of,
			const struct mappings *mappings);
void memory_owners__release(struct memory_owners *owners);
