// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/process_memory.h"

#include "analysis/other_malloc_use.h"
#include "malloc/glibc_malloc.h"

static const struct mallocs *find_mallocs(const struct heap_source *source)
{
	const struct mallocs *mallocs = NULL;

	for (size_t i = 0; i < source->heaps.cnt && !mallocs; i++)
		mallocs = glibc_malloc__mallocs(source->heaps.items[i]);
	return mallocs;
}

int process_memory__divide(struct process_memory *out, const struct heap_source *source,
			   const struct heap *arenas, enum memory_detail detail,
			   struct counters *counters, struct failure *failure)
{
	static const struct malloc_areas none;
	const struct mallocs *mallocs = find_mallocs(source);
	const struct memory_use_of of = {
		.target = source->target,
		.heap = arenas,
		.malloc = mallocs ? &mallocs->areas : &none,
		.mallocs = mallocs,
		.other_mallocs = &out->other_mallocs,
		.python = source->python,
	};
	int err = 0;

	if (detail == MEMORY_COMPLETE)
		err = other_mallocs__find_for_report(&out->other_mallocs, source->target, failure);
	if (err)
		return err;
	out->mallocs = mallocs;
	out->malloc = malloc_use__of(mallocs);
	err = memory_use__find_for_report(&out->use, &of, counters, failure);
	return err ? err
		   : loaded_mallocs__find_for_report(&out->loaded_mallocs, source->target,
						     &out->other_mallocs, &out->use, failure);
}

void process_memory__release(struct process_memory *memory)
{
	memory_use__release(&memory->use);
	other_mallocs__release(&memory->other_mallocs);
	loaded_mallocs__release(&memory->loaded_mallocs);
	*memory = (struct process_memory){};
}
