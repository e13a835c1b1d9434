// SPDX-License-Identifier: BSD-2-Clause
#include "fake_malloc.h"

#include <string.h>

#include "fake_mapping.h"

#define PREV_IN_USE	1UL
#define IS_MAPPED	2UL
#define NON_MAIN	4UL
#define HEAP_DISTANCE	(64UL << 20)
#define HEAP_INFO_BYTES 48
#define TOP_BYTES	0x2000UL
#define FENCE_BYTES	32
#define TCACHE_BYTES	0x290UL
#define LIST_CHUNK	0x40UL /* size of the chunks in the fastbin and in the tcache */
#define LISTED		5

static void put(const struct fake_malloc *fake, uint64_t address, uint64_t word)
{
	memcpy(fake_memory__at(&fake->memory, address, sizeof(word)), &word, sizeof(word));
}

static void map(struct fake_malloc *fake, uint64_t start, uint64_t size, const char *path)
{
	fake_memory__map(&fake->memory, start, size);
	fake->maps[fake->target.map_cnt++] = fake_mapping(start, size, path);
}

/* Bins that are all empty: each refers to itself. */
static void make_arena(const struct fake_malloc *fake, uint64_t address, uint64_t next,
		       uint64_t top, uint64_t system_bytes)
{
	uint64_t bins = address + fake->layout->bins;

	for (uint64_t i = 0; i < ARENA_BINS; i++) {
		put(fake, bins + 16 * i, bins + 16 * i - 16);
		put(fake, bins + 16 * i + 8, bins + 16 * i - 16);
	}
	put(fake, bins + ARENA_NEXT_AFTER_BINS, next);
	put(fake, bins + ARENA_NEXT_AFTER_BINS + 24, system_bytes);
	put(fake, address + fake->layout->top, top);
}

/*
 * Fills [at, end) with chunks: of each four one is free, linked into the arena's last bin if it is
 * the first one.
 */
static void fill(struct fake_malloc *fake, uint64_t at, uint64_t end, uint64_t flags)
{
	bool was_free = false;

	for (uint64_t i = 0; at < end; i++) {
		uint64_t size = 0x50 + 16 * (i % 7) + (i % 50 == 49 ? 0x1800 : 0);

		if (end - at < size + 0x20)
			size = end - at;
		put(fake, at + 8, size | flags | (was_free ? 0 : PREV_IN_USE));
		was_free = i % 4 == 3 && size < end - at;
		if (was_free)
			put(fake, at + size, size);
		fake->free_cnt += was_free;
		fake->in_use_cnt += !was_free;
		fake->chunk_cnt++;
		at += size;
	}
}

static uint64_t link_of(bool mangled, uint64_t at, uint64_t to)
{
	return mangled ? to ^ at >> 12 : to;
}

/* Chunks in use one after the other, in a list; what links point at is @offset from the chunk. */
static uint64_t make_list(struct fake_malloc *fake, uint64_t *at, uint64_t offset, bool mangled)
{
	uint64_t first = *at;

	for (int i = 0; i < LISTED; i++, *at += LIST_CHUNK) {
		uint64_t next = i + 1 < LISTED ? *at + LIST_CHUNK + offset : 0;

		put(fake, *at + 8, LIST_CHUNK | PREV_IN_USE);
		put(fake, *at + 16, link_of(mangled, *at + 16, next));
		fake->chunk_cnt++;
	}
	return first + offset;
}

static void make_main_heap(struct fake_malloc *fake, bool mangled)
{
	uint64_t at = FAKE_BRK, end = FAKE_BRK + FAKE_BRK_BYTES, tcache = at + 16, list;

	put(fake, at + 8, TCACHE_BYTES | PREV_IN_USE);
	at += TCACHE_BYTES;
	fake->chunk_cnt++;
	fake->in_use_cnt++;
	list = make_list(fake, &at, 16, mangled);
	*(uint16_t *)(void *)fake_memory__at(&fake->memory, tcache + 2 * (LIST_CHUNK / 16 - 2), 2) =
		LISTED;
	put(fake, tcache + 128 + 8 * (LIST_CHUNK / 16 - 2), list);
	fake->tcache_cnt = LISTED;
	if (fake->layout->fastbin_cnt) {
		list = make_list(fake, &at, 0, mangled);
		put(fake, FAKE_MAIN_ARENA + fake->layout->fastbins + 8 * (LIST_CHUNK / 16 - 2),
		    list);
		fake->fastbin_cnt = LISTED;
	}
	fill(fake, at, end - TOP_BYTES, 0);
	put(fake, end - TOP_BYTES + 8, TOP_BYTES | PREV_IN_USE);
}

static void make_thread_heap(struct fake_malloc *fake, uint64_t start, uint64_t first,
			     uint64_t previous, bool has_top)
{
	uint64_t end = start + FAKE_HEAP_BYTES, chunks_end = end - (has_top ? TOP_BYTES : 32);

	put(fake, start, fake->thread_arena);
	put(fake, start + 8, previous);
	put(fake, start + 16, FAKE_HEAP_BYTES);
	put(fake, start + 24, FAKE_HEAP_BYTES);
	fill(fake, first, chunks_end, NON_MAIN);
	put(fake, chunks_end + 8, (has_top ? TOP_BYTES : 16) | PREV_IN_USE);
	if (!has_top)
		put(fake, chunks_end + 24, PREV_IN_USE);
}

static void make_parameters(const struct fake_malloc *fake)
{
	/* From glibc 2.43 on, a word was added. */
	uint64_t rest = FAKE_PARAMETERS + (fake->layout->fastbin_cnt ? 0 : 8);

	put(fake, FAKE_PARAMETERS, FAKE_TRIM_THRESHOLD);
	put(fake, FAKE_PARAMETERS + 8, FAKE_TOP_PAD);
	put(fake, FAKE_PARAMETERS + 16, 128 << 10);
	put(fake, FAKE_PARAMETERS + 24, 8);
	put(fake, rest + 60, 2 | 65536UL << 32);
	put(fake, rest + 80, FAKE_MAPPED_BYTES);
	put(fake, rest + 96, FAKE_BRK);
}

void fake_malloc__init(struct fake_malloc *fake, const struct arena_layout *layout, bool mangled)
{
	uint64_t arena = FAKE_HEAP + HEAP_INFO_BYTES,
		 behind = arena + layout->bins + ARENA_END_AFTER_BINS;

	*fake = (struct fake_malloc){.layout = layout, .thread_arena = arena};
	fake_memory__init(&fake->memory);
	fake->target = (struct target){.memory = &fake->memory.memory, .maps = fake->maps};
	map(fake, FAKE_BRK, FAKE_BRK_BYTES, "[heap]");
	map(fake, FAKE_LIBC, FAKE_LIBC_BYTES, "/lib/libc.so.6");
	map(fake, FAKE_HEAP, FAKE_HEAP_BYTES, "");
	map(fake, FAKE_HEAP + HEAP_DISTANCE, FAKE_HEAP_BYTES, "");
	map(fake, FAKE_MAPPED, FAKE_MAPPED_BYTES, "");
	make_arena(fake, FAKE_MAIN_ARENA, arena, FAKE_BRK + FAKE_BRK_BYTES - TOP_BYTES,
		   FAKE_BRK_BYTES);
	make_arena(fake, arena, FAKE_MAIN_ARENA,
		   FAKE_HEAP + HEAP_DISTANCE + FAKE_HEAP_BYTES - TOP_BYTES, 2 * FAKE_HEAP_BYTES);
	make_parameters(fake);
	make_main_heap(fake, mangled);
	make_thread_heap(fake, FAKE_HEAP, (behind + 15) & ~15UL, 0, false);
	make_thread_heap(fake, FAKE_HEAP + HEAP_DISTANCE,
			 FAKE_HEAP + HEAP_DISTANCE + HEAP_INFO_BYTES, FAKE_HEAP, true);
	put(fake, FAKE_MAPPED + 8, 0x3000 | IS_MAPPED);
	put(fake, FAKE_MAPPED + 0x3000 + 8, 0x5000 | IS_MAPPED);
}

void fake_malloc__release(struct fake_malloc *fake)
{
	fake_memory__release(&fake->memory);
}
