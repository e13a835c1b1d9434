// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/process_memory.h"

#include "analysis/arena_threads.h"
#include "analysis/other_malloc_use.h"
#include "malloc/glibc_malloc.h"
#include "target/shortage.h"
#include "util/account.h"

static const struct mallocs *find_mallocs(const struct heap_source *source)
{
	const struct mallocs *mallocs = NULL;

	for (size_t i = 0; i < source->heaps.cnt && !mallocs; i++)
		mallocs = glibc_malloc__mallocs(source->heaps.items[i]);
	return mallocs;
}

static int draw_map(struct process_memory *out, const struct heap_source *source,
		    struct counters *counters, struct failure *failure)
{
	int err = malloc_map__draw(&out->malloc_map, out->mallocs, source->target);

	if (account__is_short(err))
		return shortage__describe(source->target, err, failure);
	if (err)
		malloc_map__release(&out->malloc_map);
	out->has_malloc_map = !err;
	counters__set(counters, COUNTER_HEAPS_UNDRAWN, out->malloc_map.left_out);
	return 0;
}

/* Says of each thread which arena it allocates from. A report does without. */
static int find_arenas(struct process_memory *out, const struct heap_source *source,
		       struct failure *failure)
{
	int err =
		arena_threads__find(&out->use.owners.stacks, &out->mallocs->areas, source->target);

	return account__is_short(err) ? shortage__describe(source->target, err, failure) : 0;
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

	if (detail != MEMORY_QUICK)
		err = other_mallocs__find_for_report(&out->other_mallocs, source->target, failure);
	if (err)
		return err;
	out->mallocs = mallocs;
	out->malloc = malloc_use__of(mallocs);
	if (mallocs && detail == MEMORY_DRAWN)
		err = draw_map(out, source, counters, failure);
	if (!err)
		err = memory_use__find_for_report(&out->use, &of, counters, failure);
	if (!err && mallocs && detail != MEMORY_QUICK)
		err = find_arenas(out, source, failure);
	return err ? err
		   : loaded_mallocs__find_for_report(&out->loaded_mallocs, source->target,
						     &out->other_mallocs, &out->use, failure);
}

void process_memory__release(struct process_memory *memory)
{
	memory_use__release(&memory->use);
	other_mallocs__release(&memory->other_mallocs);
	loaded_mallocs__release(&memory->loaded_mallocs);
	malloc_map__release(&memory->malloc_map);
	*memory = (struct process_memory){};
}
