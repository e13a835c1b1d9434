// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_memory.h"

#include <stdbool.h>

#include "output/json_census.h"
#include "output/json_values.h"

/* How many items of a list a report contains. */
#define FILES_MAX  64
#define STACKS_MAX 256

json_t *json_memory__share(const struct memory_share *share)
{
	return json_pack("{s:I, s:I}", "mapped_bytes", (json_int_t)share->mapped_bytes,
			 "resident_bytes", (json_int_t)share->resident_bytes);
}

/* Null if the kernel does not say how much is swapped out. */
static json_t *pack_swap(const struct memory_use *use, uint64_t bytes)
{
	return use->smaps.has_swap ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *pack_full_share(const struct memory_use *use, const struct memory_share *share)
{
	json_t *packed = json_memory__share(share);

	json_values__set(&packed, "swap_bytes", pack_swap(use, share->swap_bytes));
	return packed;
}

static json_t *pack_states(const struct memory_use *use, enum memory_part part)
{
	json_t *states = json_object();

	for (int state = 0; state < MEMORY_STATE_CNT; state++)
		if (memory_part__has_state(part, (enum memory_state)state))
			json_values__set(&states, memory_state_names[state],
					 json_integer((json_int_t)use->states[part][state]));
	return states;
}

static json_t *pack_files(const struct memory_use *use)
{
	json_t *list = json_array();

	for (size_t i = 0; i < use->files.cnt && i < FILES_MAX; i++) {
		const struct memory_file *file = &use->files.items[i];
		json_t *item = pack_full_share(use, &file->share);

		json_values__set(&item, "path", json_values__text(file->mapping->path));
		json_values__set(&item, "private_dirty",
				 json_integer((json_int_t)file->private_dirty_bytes));
		json_values__set(&item, "private_clean",
				 json_integer((json_int_t)file->private_clean_bytes));
		json_values__set(&item, "shared", json_integer((json_int_t)file->shared_bytes));
		json_values__append(&list, item);
	}
	return list;
}

/* A stack of a thread that has ended has neither a thread nor a name. */
static json_t *pack_stack(const struct memory_use *use, const struct thread_stack *stack)
{
	json_t *item = pack_full_share(use, &stack->share);

	json_values__set(&item, "thread",
			 stack->thread ? json_integer(stack->thread) : json_null());
	json_values__set(&item, "name", json_values__text(stack->thread ? stack->name : NULL));
	json_values__set(&item, "address", json_values__address(stack->start));
	json_values__set(&item, "malloc_arena",
			 stack->arena ? json_values__address(stack->arena) : json_null());
	return item;
}

/* Whether @stack comes before @other in the list: it has more resident bytes. */
static bool comes_before(const struct thread_stack *stack, const struct thread_stack *other)
{
	uint64_t bytes = stack->share.resident_bytes, others = other->share.resident_bytes;

	return bytes != others ? bytes > others : stack < other;
}

/* The stack that comes after @last in the list (NULL: the first one), or NULL. */
static const struct thread_stack *next_stack(const struct thread_stacks *stacks,
					     const struct thread_stack *last)
{
	const struct thread_stack *next = NULL;

	for (size_t i = 0; i < stacks->cnt; i++) {
		const struct thread_stack *stack = &stacks->items[i];

		if (stack->end && (!last || comes_before(last, stack)) &&
		    (!next || comes_before(stack, next)))
			next = stack;
	}
	return next;
}

/* The list is short, so it is not sorted, which would need memory for all stacks. */
static json_t *pack_stacks(const struct memory_use *use)
{
	const struct thread_stack *stack = NULL;
	json_t *list = json_array();

	for (int i = 0; i < STACKS_MAX; i++) {
		stack = next_stack(&use->owners.stacks, stack);
		if (!stack)
			break;
		json_values__append(&list, pack_stack(use, stack));
	}
	return list;
}

static json_t *pack_largest(const struct memory_use *use)
{
	const struct memory_region *region = memory_use__largest_unexplained(use);
	json_t *item;

	if (!region)
		return json_null();
	item = json_pack("{s:I, s:I}", "mapped_bytes", (json_int_t)(region->end - region->start),
			 "resident_bytes", (json_int_t)region->resident_bytes);
	json_values__set(&item, "swap_bytes", pack_swap(use, region->swap_bytes));
	json_values__set(&item, "address", json_values__address(region->start));
	json_values__set(&item, "name",
			 json_values__text(use->smaps.mappings.items[region->mapping].path));
	return item;
}

static json_t *pack_part(const struct memory_use *use, enum memory_part part)
{
	json_t *packed = pack_full_share(use, &use->parts[part]);
	uint64_t huge_bytes = use->parts[part].huge_bytes;

	json_values__set(&packed, "huge_bytes",
			 use->knows_huge ? json_integer((json_int_t)huge_bytes) : json_null());

	if (memory_part__is_divided(part))
		json_values__set(&packed, "states", pack_states(use, part));
	if (part == MEMORY_FILES) {
		json_values__set(&packed, "count", json_integer((json_int_t)use->files.cnt));
		json_values__set(&packed, "list", pack_files(use));
	} else if (part == MEMORY_STACKS) {
		json_values__set(&packed, "count", json_integer((json_int_t)use->stack_cnt));
		json_values__set(&packed, "list", pack_stacks(use));
	} else if (part == MEMORY_UNEXPLAINED) {
		json_values__set(&packed, "largest", pack_largest(use));
	}
	return packed;
}

json_t *json_memory__report(const struct memory_use *use, double age_s)
{
	json_t *report = pack_full_share(use, &use->all);

	json_values__set(&report, "age_s", json_real(age_s));
	json_values__set(&report, "resident_is_upper_bound",
			 json_boolean(use->resident_is_upper_bound));
	json_values__set(&report, "huge_bytes", json_integer((json_int_t)use->total.huge_bytes));
	json_values__set(&report, "hugetlb_bytes",
			 json_integer((json_int_t)use->total.hugetlb_bytes));
	for (int part = 0; part < MEMORY_PART_CNT; part++)
		json_values__set(&report, memory_part_names[part],
				 pack_part(use, (enum memory_part)part));
	return report;
}

json_t *json_memory__outside(const struct census *census, const struct outside_objects *objects,
			     uint64_t in_use_bytes)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < objects->row_cnt; i++) {
		const struct outside_row *row = &objects->rows[i];

		json_values__append(&rows, json_pack("{s:o, s:I, s:I}", "what",
						     json_census__kind(census, row->kind),
						     "allocations", (json_int_t)row->cnt, "bytes",
						     (json_int_t)row->bytes));
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "allocations", (json_int_t)objects->cnt,
			 "bytes", (json_int_t)objects->bytes, "chunk_bytes",
			 (json_int_t)objects->chunk_bytes, "rest_bytes",
			 (json_int_t)outside_objects__rest(objects, in_use_bytes), "rows", rows);
}

json_t *json_memory__tops(const struct census *census, const struct top_owners *tops)
{
	json_t *items = json_array();

	for (size_t i = 0; i < tops->cnt; i++) {
		const struct top_owner *owner = &tops->items[i];

		json_values__append(&items,
				    json_pack("{s:o, s:I, s:o, s:o, s:s, s:o}", "address",
					      json_values__address(owner->block), "size",
					      (json_int_t)owner->size, "what",
					      json_census__kind(census, owner->kind), "path",
					      json_values__text(owner->path), "state",
					      owner->is_cached ? "tcache" : "in_use", "arena",
					      json_values__address(owner->arena)));
	}
	return items;
}
