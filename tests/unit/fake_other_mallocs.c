// SPDX-License-Identifier: BSD-2-Clause
#include "fake_other_mallocs.h"

#include <string.h>

#include "fake_mapping.h"
#include "other_mallocs/jemalloc_layout.h"

#define PAGE_BYTES 4096UL

static void put(const struct fake_other_malloc *fake, uint64_t address, uint64_t word)
{
	memcpy(fake_memory__at(&fake->memory, address, sizeof(word)), &word, sizeof(word));
}

/* Another mapping; several that lie together can share a range of memory. */
static void add_map(struct fake_other_malloc *fake, uint64_t start, uint64_t size, const char *path)
{
	fake->maps[fake->target.map_cnt++] = fake_mapping(start, size, path);
}

static void map(struct fake_other_malloc *fake, uint64_t start, uint64_t size, const char *path)
{
	fake_memory__map(&fake->memory, start, size);
	add_map(fake, start, size, path);
}

/* A run of pages, as jemalloc or tcmalloc knows it. */
struct run {
	uint64_t start, pages;
	enum other_state state;
	unsigned int jemalloc_state, size_class;
	bool is_slab;
	uint64_t free_blocks;	/* of a slab */
	uint64_t offset;	/* of a large allocation in its first page */
	uint64_t in_use, bytes; /* allocations */
};

/* Class 2 has blocks of 32 bytes, class 40 one of 32 KiB; 232 is none. */
static const struct run runs[] = {
	{FAKE_PAGES, 1, OTHER_ACTIVE, JEMALLOC_ACTIVE, 2, true, 28, 0, 100, 3200},
	{FAKE_PAGES + 0x1000, 9, OTHER_ACTIVE, JEMALLOC_ACTIVE, 40, false, 0, 0x340, 1, 32768},
	{FAKE_PAGES + 0xa000, 2, OTHER_UNUSED, JEMALLOC_DIRTY, 232, false, 0, 0, 0, 0},
	{FAKE_PAGES + 0xc000, 4, OTHER_UNUSED, JEMALLOC_MUZZY, 232, false, 0, 0, 0, 0},
	{FAKE_PAGES + 0x10000, 16, OTHER_RETURNED, JEMALLOC_RETAINED, 232, false, 0, 0, 0, 0},
	{FAKE_PAGES + 0x20000, 32, OTHER_ACTIVE, JEMALLOC_ACTIVE, 2, true, 0, 0, 4096, 131072},
};

#define RUNS (sizeof(runs) / sizeof(*runs))

static uint64_t jemalloc_bits(const struct jemalloc_fields *fields, const struct run *run)
{
	return (uint64_t)run->is_slab << 12 | (uint64_t)run->jemalloc_state << fields->state_shift |
	       (uint64_t)run->size_class << fields->class_shift |
	       run->free_blocks << (fields->class_shift + 8);
}

/* Enters a run into the leaf: its first and last page, and of a slab all pages. */
static void enter_extent(const struct fake_other_malloc *fake, const struct run *run,
			 const struct jemalloc_fields *fields, uint64_t item, bool is_wide)
{
	uint64_t first = run->start >> JEMALLOC_PAGE_SHIFT;

	for (uint64_t i = 0; i < run->pages; i++) {
		uint64_t page = first + i;

		if (!run->is_slab && i && i + 1 < run->pages)
			continue;
		if (is_wide) {
			uint64_t entry = FAKE_LEAF + page % (1UL << 15) * 16;

			put(fake, entry, item);
			put(fake, entry + 8, (uint64_t)run->size_class << fields->entry_shift);
		} else {
			put(fake, FAKE_LEAF + page % (1UL << 18) * 8,
			    (uint64_t)run->size_class << 48 | item | run->is_slab);
		}
	}
}

static void make_jemalloc(struct fake_other_malloc *fake, const struct jemalloc_fields *fields,
			  bool is_wide)
{
	uint64_t rest = FAKE_TABLES + FAKE_TABLES_BYTES - 0x1000, page = FAKE_PAGES >> 12;

	fake->kind = OTHER_JEMALLOC;
	fake->knows_in_use = true;
	put(fake, FAKE_TABLES, FAKE_TABLES_BYTES);
	put(fake, FAKE_TABLES + 24, rest);
	put(fake, FAKE_TABLES + 32, 0x1000);
	fake->bytes[OTHER_METADATA] = FAKE_TABLES_BYTES;
	if (is_wide) {
		put(fake, FAKE_ROOT + (page >> 30) * 8, FAKE_NODE);
		put(fake, FAKE_NODE + (page >> 15) % (1UL << 15) * 8, FAKE_LEAF);
	} else {
		put(fake, FAKE_ROOT + (page >> 18) * 8, FAKE_LEAF);
	}
	for (size_t i = 0; i < RUNS; i++) {
		uint64_t item = FAKE_ITEMS + i * 128;

		put(fake, item, jemalloc_bits(fields, &runs[i]));
		put(fake, item + 8, runs[i].start + runs[i].offset);
		put(fake, item + 16, runs[i].pages << JEMALLOC_PAGE_SHIFT | 0x123);
		enter_extent(fake, &runs[i], fields, item, is_wide);
		fake->bytes[runs[i].state] += runs[i].pages << JEMALLOC_PAGE_SHIFT;
		fake->in_use_cnt += runs[i].in_use;
		fake->in_use_bytes += runs[i].bytes;
	}
}

/* Spans in [heap], with something between them. */
static void make_tcmalloc(struct fake_other_malloc *fake)
{
	static const struct {
		uint64_t page, pages, flags; /* blocks in use, size class << 16, location << 24 */
		enum other_state state;
	} spans[] = {
		{1, 4, 700 | 3UL << 16, OTHER_ACTIVE},
		{5, 3, 1UL << 24, OTHER_UNUSED},
		{8, 2, 0, OTHER_ACTIVE},
		{10, 16, 2UL << 24, OTHER_RETURNED},
	};
	static const uint32_t classes[] = {0, 8, 16, 32, 48, 64, 80, 96, 112, 128};
	uint64_t first = FAKE_BRK_START >> 13;

	fake->kind = OTHER_TCMALLOC;
	fake->knows_in_use = true;
	fake->in_use_cnt = 700 + 1;
	fake->in_use_bytes = 700 * 32 + (2UL << 13);
	memcpy(fake_memory__at(&fake->memory, FAKE_STATIC + 0x200004, sizeof(classes)), classes,
	       sizeof(classes));
	put(fake, FAKE_ROOT + (first >> 18) * 8, FAKE_LEAF);
	fake->bytes[OTHER_METADATA] = FAKE_BRK_SIZE;
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		uint64_t item = FAKE_ITEMS + i * 128, page = first + spans[i].page,
			 bytes = spans[i].pages << 13;

		put(fake, item, page);
		put(fake, item + 8, spans[i].pages);
		put(fake, item + 40, spans[i].flags);
		put(fake, FAKE_LEAF + page % (1UL << 18) * 8, item);
		put(fake, FAKE_LEAF + (page + spans[i].pages - 1) % (1UL << 18) * 8, item);
		fake->bytes[spans[i].state] += bytes;
		fake->bytes[OTHER_METADATA] -= bytes;
	}
}

/*
 * Groups: of slots of 1632 bytes; of 48 bytes, nested in one of these; of one large allocation;
 * donated; unused.
 */
static void make_mallocng(struct fake_other_malloc *fake)
{
	static const struct {
		uint64_t group, avail, freed, bits;
	} metas[] = {
		{FAKE_TABLES + 0x10000, 0x10, 0x3, 9 | 1UL << 5 | 22UL << 6 | 5UL << 12},
		{FAKE_TABLES + 0x10020, 0x8, 0x3, 29 | 1UL << 5 | 2UL << 6},
		{FAKE_TABLES + 0x20000, 0, 0, 1UL << 5 | 63UL << 6 | 40UL << 12},
		{FAKE_TABLES + 0x100020, 0, 1, 3UL << 6},
		{FAKE_TABLES + 0x50000, 0, 1, 0 | 1UL << 5 | 40UL << 6 | 10UL << 12},
	};
	uint64_t secret = 0x123456789abcdef1, area = FAKE_BRK_START;

	fake->kind = OTHER_MALLOCNG;
	fake->knows_in_use = true;
	put(fake, FAKE_ROOT, secret);
	put(fake, FAKE_ROOT + 8, 1 | 77UL << 32);
	put(fake, FAKE_ROOT + 56, area);
	put(fake, FAKE_ROOT + 64, area);
	put(fake, area, secret);
	put(fake, area + 16, 101);
	for (size_t i = 0; i < sizeof(metas) / sizeof(*metas); i++) {
		uint64_t meta = area + 24 + i * 40;

		put(fake, meta + 16, metas[i].group);
		put(fake, meta + 24, metas[i].avail | metas[i].freed << 32);
		put(fake, meta + 32, metas[i].bits);
		put(fake, metas[i].group, meta);
	}
	fake->bytes[OTHER_METADATA] = 4096;
	fake->bytes[OTHER_ACTIVE] = 45UL << 12;
	fake->bytes[OTHER_UNUSED] = 10UL << 12;
	/* One slot of the first group has the second one in it. */
	fake->in_use_cnt = 7 - 1 + 27 + 1;
	fake->in_use_bytes = 6 * 1632 + 27 * 48UL + (40UL << 12) - 16;
}

/* An entry of a slice: one page, or free run, with blocks of one size. */
static void make_entry(const struct fake_other_malloc *fake, uint64_t at, bool is_old,
		       uint64_t slices, uint64_t block_bytes, uint64_t used)
{
	uint64_t capacity = block_bytes ? (slices << 16) / block_bytes : 0;

	put(fake, at, slices);
	put(fake, at + 8, capacity << 16 | capacity << 32);
	if (is_old) {
		put(fake, at + 24, used | block_bytes << 32);
	} else {
		put(fake, at + 32, used);
		put(fake, at + 40, block_bytes);
	}
}

/* The second segment has only a free run. */
static void make_mimalloc(struct fake_other_malloc *fake, bool is_old)
{
	uint64_t cookie = 0xfedcba9876543211, entry_bytes = is_old ? 80 : 96;

	fake->kind = OTHER_MIMALLOC;
	fake->knows_in_use = true;
	put(fake, FAKE_ROOT, cookie);
	for (uint64_t i = 0; i < 2; i++) {
		uint64_t segment = FAKE_SEGMENT + i * FAKE_SEGMENT_BYTES,
			 header = segment + (is_old ? 224 : 248), entries = header + 40;

		fake_memory__map(&fake->memory, segment, 64UL << 10);
		put(fake, segment + (is_old ? 216 : 224), cookie ^ segment);
		put(fake, header, 512);
		put(fake, header + 8, 1);
		put(fake, header + 24, 512);
		put(fake, header + 32, 4711);
		put(fake, entries, 1);
		make_entry(fake, entries + entry_bytes, is_old, i ? 511 : 8, i ? 0 : 1024, 300);
		if (i)
			continue;
		make_entry(fake, entries + 9 * entry_bytes, is_old, 3, 65536, 0);
		make_entry(fake, entries + 12 * entry_bytes, is_old, 500, 0, 0);
	}
	add_map(fake, FAKE_SEGMENT, 2 * FAKE_SEGMENT_BYTES, "");
	fake->bytes[OTHER_METADATA] = 2UL << 16;
	fake->bytes[OTHER_ACTIVE] = 8UL << 16;
	fake->bytes[OTHER_UNUSED] = (511UL + 503) << 16;
	fake->in_use_cnt = 300;
	fake->in_use_bytes = 300 * 1024;
}

/* As if the process had touched only pages that are not all zero. */
static int find_touched(const struct memory *memory, uint64_t start, uint64_t end,
			memory_run_fn *take, void *context)
{
	static const uint8_t zero[PAGE_BYTES];
	const struct fake_memory *fake = (const struct fake_memory *)memory;
	int err = 0;

	for (uint64_t at = start & ~(PAGE_BYTES - 1); at < end && !err; at += PAGE_BYTES) {
		const void *page = fake_memory__find(fake, at, PAGE_BYTES);

		if (page && memcmp(page, zero, PAGE_BYTES) != 0)
			err = take(at, at + PAGE_BYTES, context);
	}
	return err;
}

void fake_other_malloc__init(struct fake_other_malloc *fake, enum fake_other_kind kind)
{
	*fake = (struct fake_other_malloc){};
	fake_memory__init(&fake->memory);
	fake->memory.memory.find_touched = find_touched;
	fake->target.memory = &fake->memory.memory;
	fake->target.maps = fake->maps;
	map(fake, FAKE_BRK_START, FAKE_BRK_SIZE, "[heap]");
	fake_memory__map(&fake->memory, FAKE_STATIC, FAKE_STATIC_BYTES);
	add_map(fake, FAKE_STATIC, 0x1000, "/usr/lib/libmalloc.so");
	add_map(fake, FAKE_STATIC + 0x1000, FAKE_STATIC_BYTES - 0x1000, "");
	map(fake, FAKE_TABLES, FAKE_TABLES_BYTES, "");
	switch (kind) {
	case FAKE_TCMALLOC:
		make_tcmalloc(fake);
		break;
	case FAKE_MALLOCNG:
		make_mallocng(fake);
		break;
	case FAKE_MIMALLOC_20:
	case FAKE_MIMALLOC_22:
		make_mimalloc(fake, kind == FAKE_MIMALLOC_20);
		break;
	case FAKE_JEMALLOC_52_WIDE:
	case FAKE_JEMALLOC_53_WIDE:
		make_jemalloc(fake, &jemalloc_fields[kind - FAKE_JEMALLOC_52_WIDE + 1], true);
		break;
	default:
		make_jemalloc(fake, &jemalloc_fields[kind], false);
	}
}

void fake_other_malloc__release(struct fake_other_malloc *fake)
{
	fake_memory__release(&fake->memory);
}
