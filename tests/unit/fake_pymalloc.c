// SPDX-License-Identifier: BSD-2-Clause
#include "fake_pymalloc.h"

#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "util/array.h"

#define ARRAY_STEP	   (16UL << 20) /* between two successive arena arrays */
#define NO_CLASS	   0xffff	/* DUMMY_SIZE_IDX */
#define HEAD_TO_POOL_BYTES offsetof(struct pool_header, nextpool)

static void *must(void *pointer)
{
	if (!pointer)
		abort();
	return pointer;
}

static uint64_t head_of(const struct fake_pymalloc *fake, uint32_t size_class)
{
	return fake->options.table_address + size_class * 16UL - HEAD_TO_POOL_BYTES;
}

/* nextpool or prevpool of a pool, or of a list head, which consists of these two only. */
static uint64_t *next_of(const struct fake_pymalloc *fake, uint64_t pool)
{
	return fake_memory__word(fake->memory, pool + offsetof(struct pool_header, nextpool));
}

static uint64_t *prev_of(const struct fake_pymalloc *fake, uint64_t pool)
{
	return fake_memory__word(fake->memory, pool + offsetof(struct pool_header, prevpool));
}

static void unlink_pool(struct fake_pymalloc *fake, uint64_t pool)
{
	uint64_t next = *next_of(fake, pool), prev = *prev_of(fake, pool);

	*prev_of(fake, next) = prev;
	*next_of(fake, prev) = next;
}

static void link_pool_first(struct fake_pymalloc *fake, uint64_t pool, uint32_t size_class)
{
	uint64_t head = head_of(fake, size_class), next = *next_of(fake, head);

	*next_of(fake, pool) = next;
	*prev_of(fake, pool) = head;
	*prev_of(fake, next) = pool;
	*next_of(fake, head) = pool;
}

struct pool_header *fake_pymalloc__pool(const struct fake_pymalloc *fake, uint64_t address)
{
	return fake_memory__at(fake->memory, address, sizeof(struct pool_header));
}

static uint64_t slot_address(const struct fake_pymalloc *fake, uint32_t index)
{
	return *fake_memory__word(fake->memory, fake->arenas_at) +
	       index * sizeof(struct arena_object);
}

struct arena_object *fake_pymalloc__slot(const struct fake_pymalloc *fake, uint32_t index)
{
	return fake_memory__at(fake->memory, slot_address(fake, index),
			       sizeof(struct arena_object));
}

static void emit(struct fake_pymalloc *fake, enum pyfrag_event_type type, uint64_t address,
		 uint32_t size_class)
{
	struct pyfrag_event event = {.type = (uint8_t)type,
				     .size_class = (uint8_t)size_class,
				     .address = address};

	if (fake->options.on_event)
		fake->options.on_event(fake->options.context, &event);
}

void fake_pymalloc__init(struct fake_pymalloc *fake, struct fake_memory *memory,
			 const struct fake_options *options)
{
	uint32_t classes = geometry__class_cnt(&options->geometry);

	*fake = (struct fake_pymalloc){.memory = memory,
				       .options = *options,
				       .geometry = options->geometry,
				       .arenas_at = options->arenas_at,
				       .next_array = options->arrays_address,
				       .next_arena = options->arenas_below,
				       .random = options->seed ? options->seed : 1};
	if (!fake->arenas_at)
		fake->arenas_at = options->table_address + classes * 16UL;
	for (uint32_t i = 0; i < classes; i++) {
		*next_of(fake, head_of(fake, i)) = head_of(fake, i);
		*prev_of(fake, head_of(fake, i)) = head_of(fake, i);
	}
	*fake_memory__word(memory, fake->arenas_at) = 0;
}

void fake_pymalloc__release(struct fake_pymalloc *fake)
{
	free(fake->holes);
	free(fake->blocks);
	free(fake->arenas);
}

/*
 * Allocates an array of twice the size. The old one is returned to malloc; its memory keeps its
 * content.
 */
static void grow_array(struct fake_pymalloc *fake)
{
	uint32_t cnt = fake->maxarenas ? fake->maxarenas * 2 : ARENA_OBJECTS_INIT;
	size_t size = sizeof(struct arena_object);
	uint64_t base = fake->next_array;
	struct arena_object *slots = fake_memory__map(fake->memory, base, cnt * size);

	if (fake->maxarenas)
		memcpy(slots, fake_pymalloc__slot(fake, 0), fake->maxarenas * size);
	for (uint32_t i = fake->maxarenas; i < cnt; i++) {
		/* Memory from realloc() is not zeroed. */
		for (size_t w = 0; w < size / 8; w++)
			((uint64_t *)&slots[i])[w] = prng__next(&fake->random);
		slots[i].address = 0;
		slots[i].nextarena = i + 1 < cnt ? base + (i + 1) * size : 0;
	}
	fake->unused_arena_objects = base + fake->maxarenas * size;
	fake->maxarenas = cnt;
	fake->next_array += ARRAY_STEP;
	*fake_memory__word(fake->memory, fake->arenas_at) = base;
}

static uint64_t choose_arena_address(struct fake_pymalloc *fake)
{
	if (fake->hole_cnt)
		return fake->holes[--fake->hole_cnt];
	fake->next_arena -= fake->geometry.arena_size;
	return fake->next_arena + fake->options.arena_skew;
}

static uint32_t new_arena(struct fake_pymalloc *fake)
{
	const struct geometry *geometry = &fake->geometry;
	uint32_t pools = geometry->arena_size / geometry->pool_size;
	uint64_t address = choose_arena_address(fake), excess = address % geometry->pool_size;
	struct arena_object *slot;
	uint32_t index;

	if (!fake->unused_arena_objects)
		grow_array(fake);
	index = (uint32_t)((fake->unused_arena_objects - slot_address(fake, 0)) / sizeof(*slot));
	slot = fake_pymalloc__slot(fake, index);
	fake->unused_arena_objects = slot->nextarena;
	fake_memory__map(fake->memory, address, geometry->arena_size);
	*slot = (struct arena_object){
		.address = address,
		.pool_address = address + (excess ? geometry->pool_size - excess : 0),
		.nfreepools = pools - (excess != 0),
		.ntotalpools = pools - (excess != 0),
		.nextarena = slot->nextarena, /* has no meaning here */
	};
	must(ARRAY_RESERVE(fake->arenas, fake->arena_capacity, fake->arena_cnt + 1) ? NULL : fake);
	fake->arenas[fake->arena_cnt++] = address;
	fake->arenas_mapped++;
	emit(fake, EVENT_ARENA_MAP, address, 0);
	return index;
}

static void free_arena(struct fake_pymalloc *fake, uint32_t index)
{
	struct arena_object *slot = fake_pymalloc__slot(fake, index);
	uint64_t address = slot->address;
	size_t at = 0;

	emit(fake, EVENT_ARENA_UNMAP, address, 0);
	slot->nextarena = fake->unused_arena_objects;
	fake->unused_arena_objects = slot_address(fake, index);
	slot->address = 0;
	fake_memory__unmap(fake->memory, address);
	must(ARRAY_RESERVE(fake->holes, fake->hole_capacity, fake->hole_cnt + 1) ? NULL : fake);
	fake->holes[fake->hole_cnt++] = address;
	while (fake->arenas[at] != address)
		at++;
	fake->arenas[at] = fake->arenas[--fake->arena_cnt];
	fake->arenas_unmapped++;
}

/* The arena with the fewest free pools. Returns maxarenas if there is none. */
static uint32_t find_usable_arena(const struct fake_pymalloc *fake)
{
	uint32_t best = fake->maxarenas, best_cnt = UINT32_MAX;

	for (uint32_t i = 0; i < fake->maxarenas; i++) {
		const struct arena_object *slot = fake_pymalloc__slot(fake, i);

		if (!slot->address || !slot->nfreepools || slot->nfreepools >= best_cnt)
			continue;
		best = i;
		best_cnt = slot->nfreepools;
	}
	return best;
}

static void show_usable_arenas(const struct fake_pymalloc *fake)
{
	uint32_t first = find_usable_arena(fake);

	if (fake->options.usable_arenas_at)
		*fake_memory__word(fake->memory, fake->options.usable_arenas_at) =
			first < fake->maxarenas ? slot_address(fake, first) : 0;
}

/* A free pool: a previously used one, or else the next one that was never used. */
static uint64_t take_free_pool(struct fake_pymalloc *fake)
{
	uint32_t index = find_usable_arena(fake);
	struct arena_object *slot;
	uint64_t pool;

	if (index == fake->maxarenas)
		index = new_arena(fake);
	slot = fake_pymalloc__slot(fake, index);
	slot->nfreepools--;
	if (slot->freepools) {
		pool = slot->freepools;
		slot->freepools = *next_of(fake, pool);
	} else {
		pool = slot->pool_address;
		slot->pool_address += fake->geometry.pool_size;
		fake_pymalloc__pool(fake, pool)->arenaindex = index;
		fake_pymalloc__pool(fake, pool)->szidx = NO_CLASS;
	}
	show_usable_arenas(fake);
	return pool;
}

static uint64_t alloc_from_new_pool(struct fake_pymalloc *fake, uint32_t size_class)
{
	uint32_t size = geometry__block_size(&fake->geometry, size_class);
	uint64_t pool = take_free_pool(fake), block = pool + POOL_HEADER_BYTES;
	struct pool_header *header = fake_pymalloc__pool(fake, pool);

	fake->new_pools++;
	link_pool_first(fake, pool, size_class);
	header->count = 1;
	if (header->szidx == size_class) {
		block = header->freeblock;
		header->freeblock = *fake_memory__word(fake->memory, block);
	} else {
		header->szidx = size_class;
		header->nextoffset = (uint32_t)POOL_HEADER_BYTES + 2 * size;
		header->maxnextoffset = fake->geometry.pool_size - size;
		header->freeblock = block + size;
		*fake_memory__word(fake->memory, block + size) = 0;
	}
	emit(fake, EVENT_NEW_POOL, block, size_class);
	return block;
}

static uint64_t alloc_from_used_pool(struct fake_pymalloc *fake, uint64_t pool, uint32_t size)
{
	struct pool_header *header = fake_pymalloc__pool(fake, pool);
	uint64_t block = header->freeblock;

	header->count++;
	header->freeblock = *fake_memory__word(fake->memory, block);
	if (!header->freeblock && header->nextoffset <= header->maxnextoffset) {
		header->freeblock = pool + header->nextoffset;
		header->nextoffset += size;
		*fake_memory__word(fake->memory, header->freeblock) = 0;
	} else if (!header->freeblock) {
		unlink_pool(fake, pool);
	}
	emit(fake, EVENT_ALLOC, block, 0);
	return block;
}

/*
 * What a user writes to the first word of a block, where free blocks have their link: nothing yet,
 * a reference count, a word that resembles a link, or any other.
 */
static void write_user_data(struct fake_pymalloc *fake, uint64_t block, uint32_t size)
{
	uint64_t *word = fake_memory__word(fake->memory, block);

	switch (prng__below(&fake->random, 4)) {
	case 0:
		break;
	case 1:
		*word = 1;
		break;
	case 2:
		*word = fake->options.plain_data ? 0 : block + size;
		break;
	default:
		*word = prng__next(&fake->random);
		break;
	}
}

uint64_t fake_pymalloc__alloc(struct fake_pymalloc *fake, uint32_t size)
{
	uint32_t size_class = (size - 1) / fake->geometry.alignment;
	uint64_t head = head_of(fake, size_class), pool = *next_of(fake, head), block;

	size = geometry__block_size(&fake->geometry, size_class);
	block = pool != head ? alloc_from_used_pool(fake, pool, size)
			     : alloc_from_new_pool(fake, size_class);
	write_user_data(fake, block, size);
	must(ARRAY_RESERVE(fake->blocks, fake->block_capacity, fake->block_cnt + 1) ? NULL : fake);
	fake->blocks[fake->block_cnt++] = (struct fake_block){block, size_class};
	return block;
}

static uint32_t count_empty_arenas(const struct fake_pymalloc *fake)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < fake->maxarenas; i++) {
		const struct arena_object *slot = fake_pymalloc__slot(fake, i);

		cnt += slot->address && slot->nfreepools == slot->ntotalpools;
	}
	return cnt;
}

/* Returns an empty pool to its arena, and unmaps the arena if that was its last used pool. */
static void free_pool(struct fake_pymalloc *fake, uint64_t pool)
{
	uint32_t index = fake_pymalloc__pool(fake, pool)->arenaindex;
	struct arena_object *slot = fake_pymalloc__slot(fake, index);

	unlink_pool(fake, pool);
	*next_of(fake, pool) = slot->freepools;
	slot->freepools = pool;
	fake->pools_freed++;
	emit(fake, EVENT_POOL_FREED, pool, 0);
	slot->nfreepools++;
	if (slot->nfreepools == slot->ntotalpools &&
	    (!fake->options.keeps_empty_arena || count_empty_arenas(fake) > 1))
		free_arena(fake, index);
	show_usable_arenas(fake);
}

static void free_block(struct fake_pymalloc *fake, uint64_t block)
{
	uint64_t pool = geometry__pool_of(&fake->geometry, block), link;
	struct pool_header *header = fake_pymalloc__pool(fake, pool);

	link = header->freeblock;
	*fake_memory__word(fake->memory, block) = link;
	header->freeblock = block;
	header->count--;
	emit(fake, EVENT_FREE, block, 0);
	if (!link)
		link_pool_first(fake, pool, header->szidx);
	if (!header->count)
		free_pool(fake, pool);
}

void fake_pymalloc__free_at(struct fake_pymalloc *fake, size_t index)
{
	uint64_t address = fake->blocks[index].address;

	fake->blocks[index] = fake->blocks[--fake->block_cnt];
	free_block(fake, address);
}

void fake_pymalloc__free(struct fake_pymalloc *fake, uint64_t address)
{
	for (size_t i = 0; i < fake->block_cnt; i++) {
		if (fake->blocks[i].address != address)
			continue;
		fake_pymalloc__free_at(fake, i);
		return;
	}
	abort(); /* an error in the test: not a live block */
}

void fake_pymalloc__free_arena(struct fake_pymalloc *fake, uint64_t address)
{
	for (size_t i = fake->block_cnt; i-- > 0;)
		if (fake->blocks[i].address - address < fake->geometry.arena_size)
			fake_pymalloc__free_at(fake, i);
}

void fake_pymalloc__step(struct fake_pymalloc *fake, size_t target_cnt)
{
	uint32_t cnt = (uint32_t)fake->block_cnt, steps = fake->options.steps_per_arena;

	if (steps && fake->arena_cnt > 1 && !prng__below(&fake->random, steps))
		fake_pymalloc__free_arena(
			fake, fake->arenas[prng__below(&fake->random, (uint32_t)fake->arena_cnt)]);
	else if (prng__below(&fake->random, (uint32_t)(2 * target_cnt)) >= cnt)
		fake_pymalloc__alloc(fake, 1 + prng__below(&fake->random, SMALL_REQUEST_MAX));
	else
		fake_pymalloc__free_at(fake, prng__below(&fake->random, cnt));
}

static int compare_blocks(const void *left, const void *right)
{
	const struct fake_block *a = left, *b = right;

	return (a->address > b->address) - (a->address < b->address);
}

static void add_arena_totals(const struct fake_pymalloc *fake, struct fake_totals *totals)
{
	uint32_t pool_size = fake->geometry.pool_size, arena_size = fake->geometry.arena_size;

	for (size_t i = 0; i < fake->arena_cnt; i++) {
		uint32_t lost = fake->arenas[i] % pool_size ? pool_size : 0;

		totals->arenas++;
		totals->arena_bytes += arena_size;
		totals->overhead_bytes += lost;
		totals->free_pool_bytes += arena_size - lost; /* minus the used ones, see below */
	}
}

void fake_pymalloc__add_totals(const struct fake_pymalloc *fake, struct fake_totals *totals)
{
	struct fake_block *sorted = must(calloc(fake->block_cnt + 1, sizeof(*sorted)));
	uint32_t pool_size = fake->geometry.pool_size;
	uint64_t last_pool = 0;

	memcpy(sorted, fake->blocks, fake->block_cnt * sizeof(*sorted));
	qsort(sorted, fake->block_cnt, sizeof(*sorted), compare_blocks);
	add_arena_totals(fake, totals);
	for (size_t i = 0; i < fake->block_cnt; i++) {
		struct fake_class_totals *class = &totals->classes[sorted[i].size_class];
		uint32_t size = (sorted[i].size_class + 1) * fake->geometry.alignment;
		uint32_t capacity = (pool_size - 48) / size;
		uint64_t pool = sorted[i].address / pool_size * pool_size;

		if (pool != last_pool) {
			class->pools++;
			class->free_blocks += capacity;
			totals->free_pool_bytes -= pool_size;
			totals->free_block_bytes += (uint64_t)capacity * size;
			totals->overhead_bytes += pool_size - capacity * size;
			last_pool = pool;
		}
		class->live_blocks++;
		class->free_blocks--;
		totals->live_blocks++;
		totals->live_bytes += size;
		totals->free_block_bytes -= size;
	}
	free(sorted);
}
