// SPDX-License-Identifier: BSD-2-Clause
#include "heap/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/cpu_allowance.h"

int heap__new(struct heap **out, const struct geometry *geometry, struct account *account)
{
	_cleanup_(heap__freep) struct heap *heap = NULL;
	int err;

	heap = account__calloc(account, 1, sizeof(*heap));
	if (!heap)
		return -errno;
	heap->account = account;
	heap->geometry = *geometry;
	err = block_map__new(&heap->blocks, geometry->alignment, account);
	if (!err)
		err = block_places__new(&heap->places, geometry);
	if (err)
		return err;
	*out = TAKE_PTR(heap);
	return 0;
}

void heap__free(struct heap *heap)
{
	if (!heap)
		return;
	block_map__free(heap->blocks);
	free(heap->places);
	account__free(heap->arenas);
	account__free(heap);
}

void heap__freep(struct heap **heap)
{
	heap__free(*heap);
}

/* How many arenas begin at or before @address. */
static size_t count_arenas_to(const struct heap *heap, uint64_t address)
{
	size_t low = 0, high = heap->arena_cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (heap->arenas[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct arena *heap__find_arena(const struct heap *heap, uint64_t address)
{
	size_t cnt = count_arenas_to(heap, address);

	return cnt && heap->arenas[cnt - 1].address == address ? &heap->arenas[cnt - 1] : NULL;
}

struct arena *heap__arena_around(const struct heap *heap, uint64_t address)
{
	size_t cnt = count_arenas_to(heap, address);

	return cnt && address - heap->arenas[cnt - 1].address < heap->geometry.arena_size
		       ? &heap->arenas[cnt - 1]
		       : NULL;
}

void heap__forget_blocks(struct heap *heap, uint64_t address)
{
	uint64_t pools = geometry__arena_pools(&heap->geometry, address);

	block_map__remove_range(heap->blocks, geometry__first_pool(&heap->geometry, address),
				pools * heap->geometry.pool_size);
}

void heap__forget_stamps(struct heap *heap, uint64_t address)
{
	uint64_t pools = geometry__arena_pools(&heap->geometry, address);

	block_map__forget_stamps(heap->blocks, geometry__first_pool(&heap->geometry, address),
				 pools * heap->geometry.pool_size);
}

int heap__add_arena(struct heap *heap, uint64_t address)
{
	uint64_t first = geometry__first_pool(&heap->geometry, address);
	size_t at = count_arenas_to(heap, address);
	struct arena *same = heap__find_arena(heap, address);
	int err;

	if (same) {
		heap__forget_blocks(heap, address);
		same->carved_end = first;
		return 0;
	}
	if ((at && address - heap->arenas[at - 1].address < heap->geometry.arena_size) ||
	    (at < heap->arena_cnt &&
	     heap->arenas[at].address - address < heap->geometry.arena_size))
		return -EINVAL; /* the blocks are the other one's */
	err = ACCOUNT_RESERVE(heap->account, heap->arenas, heap->arena_capacity,
			      heap->arena_cnt + 1);
	if (err)
		return err;
	heap__forget_blocks(heap, address);
	memmove(&heap->arenas[at + 1], &heap->arenas[at],
		(heap->arena_cnt - at) * sizeof(*heap->arenas));
	heap->arenas[at] = (struct arena){.address = address, .carved_end = first};
	heap->arena_cnt++;
	return 0;
}

int heap__remove_arena(struct heap *heap, uint64_t address)
{
	struct arena *arena = heap__find_arena(heap, address);
	size_t at;

	if (!arena)
		return -ENOENT;
	heap__forget_blocks(heap, address);
	at = (size_t)(arena - heap->arenas);
	memmove(arena, arena + 1, (heap->arena_cnt - at - 1) * sizeof(*arena));
	heap->arena_cnt--;
	return 0;
}

static uint32_t count_strays(const uint64_t *words, const uint64_t *places, size_t cnt)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < cnt; i++)
		bits += (uint32_t)__builtin_popcountll(words[i] & ~places[i]);
	return bits;
}

static void measure_pool(const struct heap *heap, uint64_t address, struct heap_measure *measure,
			 struct arena_totals *arena)
{
	const struct geometry *geometry = &heap->geometry;
	const uint64_t *bits = block_map__pool_bits(heap->blocks, address);
	uint64_t stamp = block_map__stamp(heap->blocks, address);
	size_t words = pool__word_cnt(geometry);
	uint32_t live = stamp ? pool__stamp_count(stamp)
			      : block_map__count(heap->blocks, address, geometry->pool_size);
	struct heap_totals *totals = &measure->totals;
	struct size_class_totals *class;
	uint32_t size, capacity, strays;
	uint8_t size_class;

	if (!live) {
		totals->free_pool_bytes += geometry->pool_size;
		return;
	}
	size_class = block_map__class(heap->blocks, address);
	if (size_class >= measure->class_cnt) {
		totals->unclassified_pools++;
		totals->overhead_bytes += geometry->pool_size;
		return;
	}
	/* A pool with a stamp was read as a whole, and found to agree with itself. */
	strays = stamp ? 0 : count_strays(bits, heap->places->words[size_class], words);
	totals->stray_blocks += strays;
	live -= strays;
	size = geometry__block_size(geometry, size_class);
	capacity = geometry__pool_capacity(geometry, size_class);
	class = &measure->classes[size_class];
	class->pools++;
	class->live_blocks += live;
	class->free_blocks += capacity - live;
	totals->live_blocks += live;
	totals->live_bytes += (uint64_t)live * size;
	totals->free_block_bytes += (uint64_t)(capacity - live) * size;
	totals->overhead_bytes += geometry->pool_size - (uint64_t)capacity * size;
	arena->live_blocks += live;
	arena->live_bytes += live * size;
}

static void measure_arena(const struct heap *heap, const struct arena *arena,
			  struct heap_measure *measure, struct arena_totals *totals)
{
	const struct geometry *geometry = &heap->geometry;
	uint64_t pool = geometry__first_pool(geometry, arena->address);
	uint32_t pools = geometry__arena_pools(geometry, arena->address);

	totals->address = arena->address;
	measure->totals.arenas++;
	measure->totals.arena_bytes += geometry->arena_size;
	measure->totals.overhead_bytes +=
		geometry->arena_size - (uint64_t)pools * geometry->pool_size;
	for (uint32_t i = 0; i < pools; i++, pool += geometry->pool_size)
		measure_pool(heap, pool, measure, totals);
}

int heap__measure(const struct heap *heap, struct heap_measure *out)
{
	_cleanup_(heap_measure__free) struct heap_measure measure = {};
	int err = 0;

	measure.class_cnt = geometry__class_cnt(&heap->geometry);
	for (uint32_t i = 0; i < measure.class_cnt; i++)
		measure.classes[i].block_size = geometry__block_size(&heap->geometry, i);
	measure.arenas =
		account__calloc(heap->account, heap->arena_cnt + 1, sizeof(*measure.arenas));
	if (!measure.arenas)
		return -errno;
	for (size_t i = 0; i < heap->arena_cnt && !(err = cpu_allowance__check()); i++)
		measure_arena(heap, &heap->arenas[i], &measure, &measure.arenas[i]);
	if (err)
		return err;
	*out = measure;
	measure.arenas = NULL;
	return 0;
}

void heap_measure__free(struct heap_measure *measure)
{
	account__free(measure->arenas);
	*measure = (struct heap_measure){};
}

double heap_totals__fragmentation(const struct heap_totals *totals)
{
	return totals->arena_bytes ? 1.0 - (double)totals->live_bytes / (double)totals->arena_bytes
				   : 0.0;
}
