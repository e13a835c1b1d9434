// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/memory_owners.h"

#include <errno.h>

#include "analysis/static_data.h"
#include "target/offsets.h"
#include "target/runtime_search.h"
#include "util/account.h"

#define PAGE_BYTES 4096UL

void memory_owners__release(struct memory_owners *owners)
{
	part_ranges__release(&owners->ranges);
	frame_stacks__release(&owners->frames);
	thread_stacks__release(&owners->stacks);
}

static int add_other_malloc(struct part_ranges *ranges, const struct other_malloc *item,
			    size_t number)
{
	int err = 0;

	for (size_t i = 0; i < item->range_cnt && !err; i++)
		err = part_ranges__add(ranges, item->ranges[i].start, item->ranges[i].end,
				       MEMORY_OTHER_MALLOCS,
				       other_malloc__owner(number, item->ranges[i].state));
	return err;
}

/* Memory is in use or not by pages. */
static uint64_t round_up(uint64_t bytes)
{
	return (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

/* Adds a range whose part @from on is in another state than its beginning. */
static int add_halves(struct part_ranges *ranges, struct part_range range, uint64_t from,
		      enum memory_state state)
{
	uint64_t end = range.end;
	int err;

	range.end = from;
	err = part_ranges__add_range(ranges, &range);
	range.start = from;
	range.end = end;
	range.state = state;
	return err ? err : part_ranges__add_range(ranges, &range);
}

static int add_frame_chunk(struct part_ranges *ranges, const struct frame_chunk *chunk)
{
	const struct part_range range = {
		.start = chunk->address,
		.end = chunk->address + chunk->size,
		.part = MEMORY_FRAME_STACKS,
		.state = STATE_IN_USE,
	};

	return add_halves(ranges, range, chunk->address + round_up(chunk->used_bytes),
			  STATE_UNUSED);
}

/* Without the runtime of Python, of which the reason is reported elsewhere, none is found. */
static int add_frame_stacks(struct memory_owners *out, const struct memory_use_of *of)
{
	struct frame_stacks *frames = &out->frames;
	const struct py_offsets *known;
	struct failure failure = {};
	struct runtime runtime;
	int err;

	if (!of->python)
		return 0;
	/* Of versions that have no such stacks the runtime may take long to find. */
	known = py_offsets__of_version(of->python->major, of->python->minor);
	if (known && known->thread_data_stack == PY_NO_OFFSET)
		return 0;
	err = runtime__find(&runtime, of->python, of->target->memory, &failure);
	if (err)
		return account__is_short(err) || err == -ETIME ? err : 0;
	err = frame_stacks__find(frames, &runtime, of->target->memory);
	for (size_t i = 0; i < frames->cnt && !err; i++)
		err = add_frame_chunk(&out->ranges, &frames->chunks[i]);
	return err;
}

/* A stack grows down: what is below the stack pointer is not in use. */
static int add_stack(struct part_ranges *ranges, const struct thread_stack *stack, uint32_t number)
{
	uint64_t pointer = stack->stack_pointer & ~(PAGE_BYTES - 1);
	struct part_range range = {
		.start = stack->start,
		.end = stack->end,
		.part = MEMORY_STACKS,
		.state = stack->thread ? STATE_UNDIVIDED : STATE_CACHED,
		.owner = number,
	};

	if (!stack->has_stack_pointer || pointer < stack->start || pointer >= stack->end)
		return part_ranges__add_range(ranges, &range);
	range.state = STATE_UNUSED;
	return add_halves(ranges, range, pointer, STATE_IN_USE);
}

static int add_thread_stacks(struct memory_owners *out, const struct memory_use_of *of,
			     const struct mappings *mappings)
{
	struct thread_stacks *stacks = &out->stacks;
	struct part_ranges *ranges = &out->ranges;
	int err = thread_stacks__find(stacks, of->target, mappings);

	for (size_t i = 0; i < stacks->cnt && !err; i++) {
		const struct thread_stack *stack = &stacks->items[i];

		err = add_stack(ranges, stack, (uint32_t)i);
		if (!err)
			err = part_ranges__add(ranges, stack->guard_start, stack->start,
					       MEMORY_GUARDS, 0);
	}
	return err;
}

int memory_owners__find(struct memory_owners *out, const struct memory_use_of *of,
			const struct mappings *mappings)
{
	struct part_ranges *ranges = &out->ranges;
	int err = 0;

	for (size_t i = 0; i < of->heap->region_cnt && !of->heap->spans && !err; i++)
		err = part_ranges__add(ranges, of->heap->regions[i].address,
				       region__end(&of->heap->regions[i]), MEMORY_ARENAS, 0);
	for (size_t i = 0; i < of->malloc->range_cnt && !err; i++)
		err = part_ranges__add(ranges, of->malloc->ranges[i].start,
				       of->malloc->ranges[i].end, MEMORY_MALLOC, 0);
	for (size_t i = 0; of->other_mallocs && i < of->other_mallocs->cnt && !err; i++)
		err = add_other_malloc(ranges, &of->other_mallocs->items[i], i);
	if (!err)
		err = add_frame_stacks(out, of);
	if (!err)
		err = add_thread_stacks(out, of, mappings);
	if (!err)
		err = static_data__add(ranges, of->target, mappings);
	return err ? err : part_ranges__settle(ranges);
}
