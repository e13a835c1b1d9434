// SPDX-License-Identifier: BSD-2-Clause
#include "heap/pinned.h"

#include <errno.h>
#include <stdlib.h>

#include "pymalloc/pool.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

#define NS_PER_S 1e9

void pinned_history__free(struct pinned_history *history)
{
	account__free(history->items);
	*history = (struct pinned_history){};
}

void pinned__free(struct pinned *pinned)
{
	account__free(pinned->arenas);
	account__free(pinned->blocks);
	account__free(pinned->what_if);
	*pinned = (struct pinned){};
}

bool pinned__is_pinned(const struct heap *heap, const struct arena_totals *arena, double below)
{
	return arena->live_blocks &&
	       (double)arena->live_bytes < below * (double)heap->geometry.arena_size;
}

/* Since when each pinned arena is: what @history says, or now. Replaces the history. */
static int update_history(struct pinned_history *history, const struct heap *heap,
			  const struct heap_measure *measure, double below, uint64_t now_ns)
{
	struct pinned_since *items =
		account__calloc(heap->account, heap->arena_cnt + 1, sizeof(*items));
	size_t cnt = 0, old = 0;

	if (!items)
		return -errno;
	for (size_t i = 0; i < heap->arena_cnt; i++) {
		const struct arena *arena = &heap->arenas[i];
		struct pinned_since *item = &items[cnt];

		if (!pinned__is_pinned(heap, &measure->arenas[i], below))
			continue;
		cnt++;
		*item = (struct pinned_since){.address = arena->address,
					      .generation = arena->generation,
					      .since_ns = now_ns};
		while (old < history->cnt && history->items[old].address < arena->address)
			old++;
		if (old < history->cnt && history->items[old].address == arena->address &&
		    history->items[old].generation == arena->generation)
			item->since_ns = history->items[old].since_ns;
	}
	account__free(history->items);
	history->items = items;
	history->cnt = cnt;
	return 0;
}

static int list_pool_blocks(struct pinned *pinned, const struct heap *heap, uint64_t pool,
			    uint32_t max, uint32_t *listed)
{
	const struct geometry *geometry = &heap->geometry;
	const uint64_t *bits = block_map__pool_bits(heap->blocks, pool);
	uint8_t size_class = block_map__class(heap->blocks, pool);

	if (!bits || size_class >= geometry__class_cnt(geometry))
		return 0;
	for (size_t word = 0; word < pool__word_cnt(geometry); word++) {
		for (uint64_t rest = bits[word]; rest && *listed < max; rest &= rest - 1) {
			uint64_t bit = word * 64 + (uint64_t)__builtin_ctzll(rest);
			int err = ACCOUNT_RESERVE(heap->account, pinned->blocks,
						  pinned->block_capacity, pinned->block_cnt + 1);

			if (err)
				return err;
			pinned->blocks[pinned->block_cnt++] =
				(struct pinned_block){.address = pool + bit * geometry->alignment,
						      .size = geometry__block_size(geometry,
										   size_class)};
			(*listed)++;
		}
	}
	return 0;
}

static int list_arena_blocks(struct pinned *pinned, const struct heap *heap,
			     struct pinned_arena *arena, uint32_t max)
{
	uint64_t pool = geometry__first_pool(&heap->geometry, arena->address);
	uint32_t pools = geometry__arena_pools(&heap->geometry, arena->address);

	arena->first_block = pinned->block_cnt;
	for (uint32_t i = 0; i < pools && arena->block_cnt < max; i++) {
		int err = list_pool_blocks(pinned, heap, pool + i * heap->geometry.pool_size, max,
					   &arena->block_cnt);

		if (err)
			return err;
	}
	return 0;
}

static int compare_pinned(const void *left, const void *right)
{
	const struct pinned_arena *a = left, *b = right;

	if (a->live_blocks != b->live_blocks)
		return a->live_blocks < b->live_blocks ? -1 : 1;
	return (a->address > b->address) - (a->address < b->address);
}

static int collect_arenas(struct pinned *pinned, const struct heap *heap,
			  const struct heap_measure *measure, const struct pinned_options *options,
			  const struct pinned_history *history, uint64_t now_ns)
{
	pinned->arenas = account__calloc(heap->account, history->cnt + 1, sizeof(*pinned->arenas));
	if (!pinned->arenas)
		return -errno;
	for (size_t i = 0; i < heap->arena_cnt; i++) {
		const struct arena_totals *totals = &measure->arenas[i];
		struct pinned_arena *arena = &pinned->arenas[pinned->arena_cnt];
		uint64_t resident = options->resident_bytes ? options->resident_bytes[i] : 0;

		if (!pinned__is_pinned(heap, totals, options->below))
			continue;
		*arena = (struct pinned_arena){
			.address = totals->address,
			.live_blocks = totals->live_blocks,
			.live_bytes = totals->live_bytes,
			.occupancy = (double)totals->live_bytes / heap->geometry.arena_size,
			.resident_bytes = resident,
			.pinned_for_s =
				(double)(now_ns - history->items[pinned->arena_cnt].since_ns) /
				NS_PER_S,
		};
		pinned->arena_cnt++;
		pinned->bytes += heap->geometry.arena_size;
		pinned->hostage_bytes += heap->geometry.arena_size - totals->live_bytes;
		if (resident > totals->live_bytes)
			pinned->resident_hostage_bytes += resident - totals->live_bytes;
		pinned->live_blocks += totals->live_blocks;
	}
	return account__sort(heap->account, pinned->arenas, pinned->arena_cnt,
			     sizeof(*pinned->arenas), compare_pinned);
}

static bool has_empty_arena(const struct heap *heap, const struct heap_measure *measure)
{
	for (size_t i = 0; i < heap->arena_cnt; i++)
		if (!measure->arenas[i].live_blocks)
			return true;
	return false;
}

/* 1, 2, 5, 10, 20, 50, ... */
static size_t next_step(size_t step)
{
	size_t leading = step;

	while (leading >= 10)
		leading /= 10;
	return leading == 2 ? step / 2 * 5 : step * 2;
}

static int compute_what_if(struct pinned *pinned, const struct heap *heap,
			   const struct heap_measure *measure, const struct pinned_options *options)
{
	uint64_t kept = options->keeps_empty_arena && !has_empty_arena(heap, measure);
	size_t capacity = 0, step = 1;
	uint64_t blocks = 0;

	for (size_t i = 0; i < pinned->arena_cnt; i++) {
		int err;

		blocks += pinned->arenas[i].live_blocks;
		if (i + 1 != step && i + 1 != pinned->arena_cnt)
			continue;
		err = ACCOUNT_RESERVE(heap->account, pinned->what_if, capacity,
				      pinned->what_if_cnt + 1);
		if (err)
			return err;
		pinned->what_if[pinned->what_if_cnt++] = (struct what_if){
			.arenas = i + 1,
			.blocks = blocks,
			.bytes = (i + 1 - kept) * heap->geometry.arena_size,
		};
		if (i + 1 == step)
			step = next_step(step);
	}
	return 0;
}

int pinned__find(struct pinned *out, const struct heap *heap, const struct heap_measure *measure,
		 const struct pinned_options *options, struct pinned_history *history,
		 uint64_t now_ns)
{
	_cleanup_(pinned__free) struct pinned pinned = {.below = options->below};
	int err;

	err = update_history(history, heap, measure, options->below, now_ns);
	if (!err)
		err = collect_arenas(&pinned, heap, measure, options, history, now_ns);
	for (size_t i = 0; i < pinned.arena_cnt && !err && !(err = cpu_allowance__check()); i++)
		err = list_arena_blocks(&pinned, heap, &pinned.arenas[i],
					options->blocks_per_arena_max);
	if (!err)
		err = compute_what_if(&pinned, heap, measure, options);
	if (err)
		return err;
	*out = pinned;
	pinned = (struct pinned){};
	return 0;
}
