// SPDX-License-Identifier: BSD-2-Clause
/* The runs that malloc_trim(3) releases are those found chunk by chunk. */
#include "malloc/malloc_trim.h"

#include <stdlib.h>
#include <string.h>

#include "malloc/malloc_layout.h"
#include "prng.h"
#include "unit_test.h"

#define HEAP	    0x7f1234000000UL
#define HEAP_BYTES  (4UL << 20)
#define FIRST_CHUNK (HEAP + 48)
#define CHUNKS_MAX  65536
#define PAGE	    4096UL

struct chunk {
	uint64_t address, size;
	enum chunk_state state;
};

/* A heap, and its image. */
struct fixture {
	struct chunk chunks[CHUNKS_MAX];
	size_t cnt;
	struct malloc_heap heap;
	struct malloc_arena arena;
	struct malloc_instance instance;
	struct malloc_image image;
	struct memory memory;
	struct target target;
};

/* What is to be measured: found by the code under test, and chunk by chunk. */
struct ranges {
	struct resident_range items[CHUNKS_MAX];
	size_t cnt;
};

static struct ranges measured, expected;

static int measure(const struct target *target, struct resident_range *ranges, size_t cnt)
{
	(void)target;
	assert_true(cnt <= CHUNKS_MAX);
	if (cnt)
		memcpy(measured.items, ranges, cnt * sizeof(*ranges));
	measured.cnt = cnt;
	for (size_t i = 0; i < cnt; i++)
		ranges[i].resident_bytes = ranges[i].size;
	return 0;
}

static enum chunk_state next_state(enum chunk_state before, uint64_t *seed)
{
	enum chunk_state state = CHUNK_IN_USE;

	if (prng__below(seed, 2))
		state = (enum chunk_state)prng__below(seed, 4);
	/* free() merges what is side by side. */
	return state == CHUNK_FREE && before == CHUNK_FREE ? CHUNK_IN_USE : state;
}

/* Fills the heap with chunks, of which one in @rarity is larger than @size_max bytes. */
static void make_chunks(struct fixture *fixture, uint64_t size_max, uint32_t rarity, uint64_t seed)
{
	uint64_t at = FIRST_CHUNK, limit = HEAP + HEAP_BYTES - 2 * PAGE;
	enum chunk_state state = CHUNK_IN_USE;

	for (fixture->cnt = 0; fixture->cnt < CHUNKS_MAX; fixture->cnt++) {
		uint64_t max = prng__below(&seed, rarity) ? size_max : 100 * size_max,
			 size = 32 + 16 * (prng__next(&seed) % (max / 16));

		if (size > limit - at)
			break;
		state = next_state(state, &seed);
		fixture->chunks[fixture->cnt] = (struct chunk){at, size, state};
		at += size;
	}
	fixture->heap.chunks_end = at;
}

static void add_block(struct block_list *list, uint64_t block)
{
	if (!list->items)
		list->items = calloc(CHUNKS_MAX, sizeof(*list->items));
	list->items[list->cnt++] = block;
}

static void make_image(struct fixture *fixture)
{
	struct malloc_image *image = &fixture->image;

	assert_int_equal(block_map__new(&image->chunks, &malloc_layout.map, NULL), 0);
	assert_int_equal(block_map__new(&image->live, &malloc_layout.map, NULL), 0);
	for (size_t i = 0; i < fixture->cnt; i++) {
		uint64_t block = fixture->chunks[i].address + CHUNK_HEADER_BYTES;
		bool was_there;

		assert_int_equal(block_map__insert(image->chunks, block, &was_there), 0);
		if (fixture->chunks[i].state == CHUNK_IN_USE)
			assert_int_equal(block_map__insert(image->live, block, &was_there), 0);
		if (fixture->chunks[i].state == CHUNK_IN_TCACHE)
			add_block(&image->cached, block);
		if (fixture->chunks[i].state == CHUNK_IN_FASTBIN)
			add_block(&image->fast, block);
	}
}

static void set_up(struct fixture *fixture)
{
	static const struct target_ops ops = {.measure_resident = measure};

	*fixture = (struct fixture){.heap = {.start = HEAP,
					     .end = HEAP + HEAP_BYTES,
					     .first_chunk = FIRST_CHUNK,
					     .is_main = true}};
	fixture->instance = (struct malloc_instance){.arenas = &fixture->arena,
						     .arena_cnt = 1,
						     .heaps = {.items = &fixture->heap, .cnt = 1}};
	fixture->image.instance = &fixture->instance;
	fixture->target = (struct target){.ops = &ops, .memory = &fixture->memory};
}

static void tear_down(struct fixture *fixture)
{
	block_map__free(fixture->image.chunks);
	block_map__free(fixture->image.live);
	free(fixture->image.cached.items);
	free(fixture->image.fast.items);
}

static void expect(uint64_t start, uint64_t end)
{
	if (start < end)
		expected.items[expected.cnt++] =
			(struct resident_range){.address = start, .size = end - start};
}

static void expect_run(uint64_t start, uint64_t end, uint64_t *longest)
{
	*longest = end - start > *longest ? end - start : *longest;
	if (end - start > PAGE - 1 + 48)
		expect((start + 48 + PAGE - 1) & ~(PAGE - 1), end & ~(PAGE - 1));
}

/* As mtrim() and systrim(), chunk by chunk. Returns the length of the longest run. */
static uint64_t find_expected(const struct fixture *fixture)
{
	const struct malloc_heap *heap = &fixture->heap;
	uint64_t run = 0, longest = 0, top = heap->top;

	expected.cnt = 0;
	for (size_t i = 0; i < fixture->cnt; i++) {
		const struct chunk *chunk = &fixture->chunks[i];

		if (chunk->state == CHUNK_FREE || chunk->state == CHUNK_IN_FASTBIN) {
			run = run ? run : chunk->address;
			continue;
		}
		if (run)
			expect_run(run, chunk->address, &longest);
		run = 0;
	}
	if (run && top == heap->chunks_end)
		top = run;
	else if (run)
		expect_run(run, heap->chunks_end, &longest);
	if (top && heap->end - top > longest)
		longest = heap->end - top;
	if (top && heap->end - top > 33)
		expect(heap->end - ((heap->end - top - 33) & ~(PAGE - 1)), heap->end);
	return longest;
}

static int compare(const void *a, const void *b)
{
	const struct resident_range *left = a, *right = b;

	return left->address < right->address ? -1 : left->address > right->address;
}

static void check(const struct fixture *fixture)
{
	struct malloc_trim trim = {};
	uint64_t longest = find_expected(fixture), bytes = 0;

	assert_int_equal(malloc_trim__estimate(&trim, &fixture->image, &fixture->target), 0);
	qsort(measured.items, measured.cnt, sizeof(*measured.items), compare);
	assert_int_equal(measured.cnt, expected.cnt);
	for (size_t i = 0; i < expected.cnt; i++) {
		assert_int_equal(measured.items[i].address, expected.items[i].address);
		assert_int_equal(measured.items[i].size, expected.items[i].size);
		bytes += expected.items[i].size;
	}
	assert_int_equal(malloc_trim__longest_run_bytes(&trim, 1), longest);
	assert_int_equal(trim.arenas[0].chunk_bytes + trim.arenas[0].top_bytes, bytes);
	malloc_trim__release(&trim);
}

/* With a top, without one, and with memory that was not walked before the top. */
static void check_ends(struct fixture *fixture)
{
	fixture->heap.top = fixture->heap.chunks_end;
	check(fixture);
	fixture->heap.top = 0;
	check(fixture);
	fixture->heap.top = HEAP + HEAP_BYTES - PAGE;
	check(fixture);
}

static void test_runs_are_those_found_chunk_by_chunk(void **state)
{
	static const struct {
		uint64_t size_max;
		uint32_t rarity;
	} kinds[] = {{128, 1000000}, {128, 200}, {600, 30}, {5000, 10}, {60000, 1000}};
	static struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (uint64_t seed = 1; seed < 20; seed++) {
			set_up(&fixture);
			make_chunks(&fixture, kinds[i].size_max, kinds[i].rarity, seed);
			make_image(&fixture);
			check_ends(&fixture);
			tear_down(&fixture);
		}
	}
}

/* One chunk, from just too short to have a page to release, to long enough. */
static void test_heaps_of_one_chunk(void **state)
{
	static struct fixture fixture;

	(void)state;
	for (uint64_t size = 32; size < 3 * PAGE; size += 16) {
		for (int kind = CHUNK_IN_USE; kind <= CHUNK_IN_TCACHE; kind++) {
			set_up(&fixture);
			fixture.chunks[0] =
				(struct chunk){FIRST_CHUNK, size, (enum chunk_state)kind};
			fixture.cnt = 1;
			fixture.heap.chunks_end = FIRST_CHUNK + size;
			make_image(&fixture);
			check_ends(&fixture);
			tear_down(&fixture);
		}
	}
}

static void add_chunk(struct fixture *fixture, uint64_t size, enum chunk_state state)
{
	fixture->chunks[fixture->cnt++] = (struct chunk){fixture->heap.chunks_end, size, state};
	fixture->heap.chunks_end += size;
}

/* A run behind the smallest chunk, from where the links of a free chunk end with a page. */
static void test_runs_with_just_one_page(void **state)
{
	static struct fixture fixture;

	(void)state;
	for (uint64_t size = PAGE - 64; size < PAGE + 128; size += 16) {
		set_up(&fixture);
		fixture.heap.chunks_end = FIRST_CHUNK;
		add_chunk(&fixture, PAGE - 48 - 32 - 48, CHUNK_IN_USE);
		add_chunk(&fixture, 32, CHUNK_IN_USE);
		add_chunk(&fixture, size, CHUNK_FREE);
		add_chunk(&fixture, 32, CHUNK_IN_USE);
		add_chunk(&fixture, 32, CHUNK_IN_TCACHE);
		add_chunk(&fixture, size + 16, CHUNK_FREE);
		add_chunk(&fixture, 32, CHUNK_IN_USE);
		make_image(&fixture);
		check_ends(&fixture);
		tear_down(&fixture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_are_those_found_chunk_by_chunk),
		cmocka_unit_test(test_heaps_of_one_chunk),
		cmocka_unit_test(test_runs_with_just_one_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
