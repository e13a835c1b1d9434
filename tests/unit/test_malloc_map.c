// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/malloc_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_malloc.h"
#include "malloc/malloc_layout.h"
#include "unit_test.h"
#include "util/account.h"
#include "util/cleanup.h"

#define SECOND_HEAP (FAKE_HEAP + (64UL << 20))
#define SECTOR	    256
#define PAGE	    4096UL

struct fixture {
	struct fake_malloc fake;
	struct target_ops ops;
	struct mallocs mallocs;
	struct malloc_map map;
	struct heap *heap;
};

/* Every second page of a heap is resident, from the first one on. */
static int find_resident(const struct target *target, uint64_t start, uint64_t end,
			 memory_run_fn *take, void *context)
{
	int err = 0;

	(void)target;
	for (uint64_t page = start & ~(PAGE - 1); page < end && !err; page += 2 * PAGE)
		err = take(page, page + PAGE, context);
	return err;
}

static void read_mallocs(struct fixture *fixture)
{
	fixture->fake.target.ops = &fixture->ops;
	assert_int_equal(heap__new(&fixture->heap, &malloc_layout, NULL), 0);
	assert_int_equal(mallocs__read(&fixture->mallocs, fixture->heap, &fixture->fake.target,
				       NULL),
			 0);
	fixture->ops.find_resident = find_resident;
}

static int begin(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	*state = fixture;
	fake_malloc__init(&fixture->fake, &arena_layouts[1], true);
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	malloc_map__release(&fixture->map);
	mallocs__release(&fixture->mallocs);
	heap__free(fixture->heap);
	fake_malloc__release(&fixture->fake);
	free(fixture);
	return 0;
}

static bool is_resident(const struct malloc_map_heap *heap, uint64_t address)
{
	return (address - heap->start) / PAGE % 2 == 0;
}

/* The state of each byte of a heap, by the chunk that it is in. */
static void picture(char *bytes, const struct malloc_map_heap *heap, const struct fixture *fixture)
{
	const struct malloc_image *image = &fixture->mallocs.items[0].image;
	const struct region *region = heap__find_region(fixture->heap, heap->start);
	struct span span = {};

	memset(bytes, 'o', heap->end - heap->start);
	while (heap__next_span(fixture->heap, region, &span))
		if (span.block_cnt)
			memset(bytes + (span.address - heap->start),
			       malloc_image__state_of(image, span.address + span.first_block) ==
					       CHUNK_IN_USE
				       ? 'u'
				       : 'f',
			       span.size);
	memset(bytes + (heap->end - heap->start - heap->top_bytes), 't', heap->top_bytes);
}

static size_t count(const char *bytes, size_t cnt, char state)
{
	size_t found = 0;

	for (size_t i = 0; i < cnt; i++)
		found += bytes[i] == state;
	return found;
}

static char expected_sign(const char *bytes, bool in_ram)
{
	size_t used = count(bytes, SECTOR, 'u'), top = count(bytes, SECTOR, 't'),
	       free = count(bytes, SECTOR, 'f') + top;

	if (!free)
		return '*';
	if (used)
		return used >= free ? '=' : '-';
	return !in_ram ? ' ' : top == free ? '^' : '.';
}

static void check_heap(const struct malloc_map_heap *heap, const struct fixture *fixture)
{
	size_t size = heap->end - heap->start;
	_cleanup_free_ char *bytes = malloc(size);
	uint64_t free_resident = 0, resident = 0;

	assert_non_null(bytes);
	picture(bytes, heap, fixture);
	assert_int_equal(heap->sector_bytes, SECTOR);
	assert_int_equal(strlen(heap->sectors), size / SECTOR);
	assert_int_equal(heap->in_use_bytes, count(bytes, size, 'u'));
	assert_int_equal(heap->free_bytes, count(bytes, size, 'f'));
	for (size_t at = 0; at < size; at += SECTOR) {
		bool in_ram = is_resident(heap, heap->start + at);
		char sign = expected_sign(bytes + at, in_ram);

		if (heap->sectors[at / SECTOR] != sign)
			fail_msg("%#lx + %#zx: '%c', not '%c'", heap->start, at,
				 heap->sectors[at / SECTOR], sign);
		assert_int_equal(heap->in_use[at / SECTOR], count(bytes + at, SECTOR, 'u'));
		resident += in_ram ? SECTOR : 0;
		free_resident +=
			in_ram ? count(bytes + at, SECTOR, 'f') + count(bytes + at, SECTOR, 't')
			       : 0;
	}
	assert_int_equal(heap->resident_bytes, resident);
	assert_int_equal(heap->free_resident_bytes, free_resident);
}

/* Each sector is what the bytes of the chunks in it make it. */
static void test_each_byte_counts(void **state)
{
	struct fixture *fixture = *state;
	size_t signs = 0;

	read_mallocs(fixture);
	assert_int_equal(malloc_map__draw(&fixture->map, &fixture->mallocs, &fixture->fake.target),
			 0);
	assert_int_equal(fixture->map.cnt, 3);
	for (size_t i = 0; i < 3; i++) {
		check_heap(&fixture->map.heaps[i], fixture);
		assert_true(!i || fixture->map.heaps[i].free_resident_bytes <=
					  fixture->map.heaps[i - 1].free_resident_bytes);
	}
	for (const char *sign = "*=-.^ "; *sign; sign++)
		for (size_t i = 0; i < 3; i++)
			if (strchr(fixture->map.heaps[i].sectors, *sign)) {
				signs++;
				break;
			}
	assert_int_equal(signs, 6);
	assert_int_equal(fixture->map.left_out, 0);
}

/* Without pages, free memory counts as resident in the picture, and as unknown in figures. */
static void test_residency_unknown(void **state)
{
	struct fixture *fixture = *state;

	read_mallocs(fixture);
	fixture->ops.find_resident = NULL;
	assert_int_equal(malloc_map__draw(&fixture->map, &fixture->mallocs, &fixture->fake.target),
			 0);
	assert_false(fixture->map.knows_resident);
	for (size_t i = 0; i < fixture->map.cnt; i++) {
		assert_null(strchr(fixture->map.heaps[i].sectors, ' '));
		assert_int_equal(fixture->map.heaps[i].free_resident_bytes, 0);
	}
}

/* However little memory there is, none is lost. */
static void test_each_allocation_refused(void **state)
{
	struct fixture *fixture = *state;
	struct memory *memory;
	uint64_t nth = 0;
	int err;

	read_mallocs(fixture);
	memory = &fixture->fake.memory.memory;
	do {
		struct account *account;

		assert_int_equal(account__new(&account, UINT64_MAX, NULL), 0);
		account__refuse_nth(account, ++nth);
		memory->account = account;
		err = malloc_map__draw(&fixture->map, &fixture->mallocs, &fixture->fake.target);
		malloc_map__release(&fixture->map);
		memory->account = NULL;
		assert_true(!err || err == -EDQUOT);
		assert_int_equal(account__usage(account).refused, err != 0);
		assert_int_equal(account__usage(account).used_bytes, 0);
		account__close(account);
	} while (err);
	/* Sums of sectors, the list of heaps, and each heap's characters and bytes */
	assert_int_equal(nth - 1, 2 + 3 * 2);
}

/* What lies behind a damaged chunk is unknown, up to the top. */
static void test_damaged_chunk(void **state)
{
	struct fixture *fixture = *state;
	const struct malloc_map_heap *heap = NULL;
	uint64_t at = SECOND_HEAP + 48, top = FAKE_HEAP_BYTES / SECTOR - 0x2000 / SECTOR, lost;

	for (int i = 0; i < 100; i++)
		at += *fake_memory__word(&fixture->fake.memory, at + 8) & ~7UL;
	*fake_memory__word(&fixture->fake.memory, at + 8) = 0x1238;
	read_mallocs(fixture);
	assert_int_equal(malloc_map__draw(&fixture->map, &fixture->mallocs, &fixture->fake.target),
			 0);
	for (size_t i = 0; i < fixture->map.cnt; i++)
		if (fixture->map.heaps[i].start == SECOND_HEAP)
			heap = &fixture->map.heaps[i];
	assert_non_null(heap);
	lost = (at - SECOND_HEAP) / SECTOR + 1;
	assert_null(memchr(heap->sectors, '?', lost - 1));
	assert_int_equal(strspn(heap->sectors + lost, "?"), top - lost);
	assert_int_equal(strspn(heap->sectors + top, "^ "), heap->sector_cnt - top);
	assert_int_equal(heap->lost_bytes, SECOND_HEAP + top * SECTOR - at);
}

/* Draws heaps of these sizes that are nothing but a top. Which pages are resident is unknown. */
static void draw_tops(struct fixture *fixture, const uint64_t *sizes, size_t cnt)
{
	_cleanup_free_ struct malloc_heap *heaps = calloc(cnt, sizeof(*heaps));
	struct malloc_arena arena = {.address = FAKE_MAIN_ARENA, .is_main = true};
	struct malloc_image *image = &fixture->mallocs.items[0].image;
	struct malloc_instance *instance = &fixture->mallocs.areas.items[0];
	uint64_t at = FAKE_HEAP;

	assert_non_null(heaps);
	assert_int_equal(heap__new(&fixture->heap, &malloc_layout, NULL), 0);
	fixture->fake.target.ops = &fixture->ops;
	for (size_t i = 0; i < cnt; i++, at += 1UL << 40)
		heaps[i] = (struct malloc_heap){.start = at,
						.end = at + sizes[i],
						.first_chunk = at,
						.chunks_end = at,
						.top = at};
	*instance = (struct malloc_instance){.arenas = &arena,
					     .arena_cnt = 1,
					     .heaps = {.items = heaps, .cnt = cnt}};
	*image = (struct malloc_image){.instance = instance,
				       .chunks = fixture->heap->spans,
				       .live = fixture->heap->blocks};
	fixture->mallocs.cnt = 1;
	assert_int_equal(malloc_map__draw(&fixture->map, &fixture->mallocs, &fixture->fake.target),
			 0);
	*instance = (struct malloc_instance){};
}

static void test_size_of_sectors(void **state)
{
	static const struct {
		uint64_t bytes, sector_bytes;
		size_t sectors;
	} cases[] = {
		{20UL << 30, 16UL << 20, 1280},
		{64UL << 20, 64 << 10, 1024},
		{1280 * 256 + 1, 512, 641},
		{1280 * 256, 256, 1280},
		{1279 * 256 + 1, 256, 1280},
		{132 << 10, 256, 528},
		{1, 256, 1},
		{0, 0, 0}, /* it is not there */
	};
	struct fixture *fixture = *state;
	uint64_t sizes[ARRAY_SIZE(cases)];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		sizes[i] = cases[i].bytes;
	draw_tops(fixture, sizes, ARRAY_SIZE(cases));
	assert_int_equal(fixture->map.cnt, ARRAY_SIZE(cases) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases) - 1; i++) {
		const struct malloc_map_heap *heap = &fixture->map.heaps[i];

		assert_int_equal(heap->end - heap->start, cases[i].bytes);
		assert_int_equal(heap->sector_bytes, cases[i].sector_bytes);
		assert_int_equal(strspn(heap->sectors, "^"), cases[i].sectors);
		assert_int_equal(heap->sector_cnt, cases[i].sectors);
	}
}

/* The heaps with the most free memory are drawn, and the others counted. */
static void test_too_many_heaps(void **state)
{
	struct fixture *fixture = *state;
	uint64_t sizes[MALLOC_MAP_HEAPS_MAX + 30];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		sizes[i] = 4096 * (1 + i * 7 % ARRAY_SIZE(sizes));
	draw_tops(fixture, sizes, ARRAY_SIZE(sizes));
	assert_int_equal(fixture->map.cnt, MALLOC_MAP_HEAPS_MAX);
	assert_int_equal(fixture->map.left_out, 30);
	for (size_t i = 0; i < MALLOC_MAP_HEAPS_MAX; i++)
		assert_int_equal(fixture->map.heaps[i].top_bytes, 4096 * (ARRAY_SIZE(sizes) - i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_byte_counts, begin, end),
		cmocka_unit_test_setup_teardown(test_residency_unknown, begin, end),
		cmocka_unit_test_setup_teardown(test_each_allocation_refused, begin, end),
		cmocka_unit_test_setup_teardown(test_damaged_chunk, begin, end),
		cmocka_unit_test_setup_teardown(test_size_of_sectors, begin, end),
		cmocka_unit_test_setup_teardown(test_too_many_heaps, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
