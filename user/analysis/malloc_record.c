// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/malloc_record.h"

#include <errno.h>
#include <string.h>

#include "analysis/top_pin_summary.h"
#include "util/partition_point.h"

#define ADDRESS_SPACE (1UL << 56) /* bytes */

/* Whether all chunks of the arena were found and walked, so that its pins are known. */
static bool is_complete(const struct malloc_arena *arena, const struct malloc_arena_use *use)
{
	return !use->lost_bytes && !use->missing_bytes && (use->heap_bytes || !arena->system_bytes);
}

/* What is missing is what a target says that it has, so it may be anything. */
static uint64_t lost_bytes(const struct malloc_arena_use *use)
{
	return use->lost_bytes +
	       (use->missing_bytes < ADDRESS_SPACE ? use->missing_bytes : ADDRESS_SPACE);
}

static uint64_t trimmable_bytes(const struct malloc_trim *trim, size_t number)
{
	if (!trim->knows_resident)
		return FIGURE_UNKNOWN;
	return trim->arenas[number].chunk_bytes + (number ? 0 : trim->top_bytes);
}

static struct arena_record record_arena(const struct malloc_use_item *item, size_t number)
{
	const struct malloc_arena *arena = &item->image->instance->arenas[number];
	const struct malloc_arena_use *use = &item->image->arenas[number];
	struct arena_record record = {
		.address = arena->address,
		.is_main = arena->is_main,
		.threads = arena->threads,
		.figures = {[MALLOC_IN_USE] = use->in_use.bytes,
			    [MALLOC_FREE] = malloc_arena_use__free_bytes(use),
			    [MALLOC_TRIMMABLE] = trimmable_bytes(item->trim, number),
			    [MALLOC_PINNED] = FIGURE_UNKNOWN,
			    [MALLOC_LOST] = lost_bytes(use)},
	};
	size_t cnt;
	const struct top_pin *pins = top_pins__of_arena(item->pins, number, &cnt);

	if (cnt)
		record.pin = pins[0];
	if (item->pins->knows_resident && is_complete(arena, use))
		record.figures[MALLOC_PINNED] = cnt ? top_pin__kept_bytes(&pins[cnt - 1]) : 0;
	return record;
}

/* Adds the figures that malloc_figures do not include; they are unknown if an arena's are. */
static void sum_up(struct malloc_record *record)
{
	uint64_t *sums = record->figures;

	for (size_t i = 0; i < record->arena_cnt; i++) {
		const uint64_t *figures = record->arenas[i].figures;

		sums[MALLOC_LOST] += figures[MALLOC_LOST];
		if (sums[MALLOC_PINNED] == FIGURE_UNKNOWN ||
		    figures[MALLOC_PINNED] == FIGURE_UNKNOWN)
			sums[MALLOC_PINNED] = FIGURE_UNKNOWN;
		else
			sums[MALLOC_PINNED] += figures[MALLOC_PINNED];
	}
	sums[MALLOC_ARENAS] = record->arena_cnt;
}

static int compare_addresses(const void *a, const void *b)
{
	const struct arena_record *left = a, *right = b;

	return (left->address > right->address) - (left->address < right->address);
}

static int record_arenas(struct malloc_record *record, const struct malloc_use *use,
			 struct account *account)
{
	size_t cnt = 0;

	for (size_t i = 0; i < use->cnt; i++)
		cnt += use->items[i].image->instance->arena_cnt;
	record->arenas = account__calloc(account, cnt, sizeof(*record->arenas));
	if (!record->arenas)
		return -errno;
	for (size_t i = 0; i < use->cnt; i++)
		for (size_t j = 0; j < use->items[i].image->instance->arena_cnt; j++)
			record->arenas[record->arena_cnt++] = record_arena(&use->items[i], j);
	return account__sort(account, record->arenas, cnt, sizeof(*record->arenas),
			     compare_addresses);
}

static struct arena_record *find(const struct malloc_record *record, uint64_t address)
{
	size_t i =
		PARTITION_POINT(arena, record->arenas, record->arena_cnt, arena->address < address);

	return i < record->arena_cnt && record->arenas[i].address == address ? &record->arenas[i]
									     : NULL;
}

static void name_threads(struct malloc_record *record, const struct thread_stacks *stacks)
{
	for (size_t i = 0; i < stacks->cnt; i++) {
		const struct thread_stack *stack = &stacks->items[i];
		struct arena_record *arena = find(record, stack->arena);

		if (!arena || arena->thread)
			continue;
		arena->thread = stack->thread;
		memcpy(arena->thread_name, stack->name, sizeof(arena->thread_name));
	}
}

int malloc_record__make(struct malloc_record *out, const struct process_memory *memory,
			uint64_t read_ns, struct account *account)
{
	const struct malloc_use *use = process_memory__malloc(memory);
	struct memory_figures figures = memory_figures__of(memory);
	struct malloc_record record = {.read_ns = read_ns};
	int err;

	if (!use || !use->cnt)
		return 0;
	err = record_arenas(&record, use, account);
	if (err) {
		malloc_record__release(&record);
		return err;
	}
	record.figures[MALLOC_IN_USE] = figures.malloc_in_use;
	record.figures[MALLOC_FREE] = figures.malloc_free;
	record.figures[MALLOC_TRIMMABLE] = figures.malloc_trimmable;
	for (size_t i = 0; i < use->cnt; i++)
		record.figures[MALLOC_ARENAS_DAMAGED] +=
			use->items[i].image->instance->damaged_arenas;
	sum_up(&record);
	name_threads(&record, &memory->use.owners.stacks);
	*out = record;
	return 0;
}

void malloc_record__release(struct malloc_record *record)
{
	account__free(record->arenas);
	*record = (struct malloc_record){};
}

const struct arena_record *malloc_record__find(const struct malloc_record *record, uint64_t address)
{
	return find(record, address);
}
