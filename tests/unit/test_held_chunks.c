// SPDX-License-Identifier: BSD-2-Clause
/* Lists of chunks that a malloc holds ready, as they are followed. */
#include "malloc/held_chunks.h"

#include <stdlib.h>

#include "fake_memory.h"
#include "malloc/malloc_layout.h"
#include "prng.h"
#include "unit_test.h"
#include "util/account.h"

#define HEAP	   0x7f1234000000UL
#define HEAP_BYTES (1UL << 20)
#define CHUNK	   64UL /* size of each chunk */
#define CHUNKS	   ((HEAP_BYTES - 4096) / CHUNK)
#define FASTBIN	   (CHUNK / 16 - 2)

/* A heap of equal chunks, all of them in one fastbin, and its image. */
struct fixture {
	struct fake_memory memory;
	struct malloc_heap heap;
	struct malloc_arena arena;
	struct malloc_instance instance;
	struct mapped_chunks mapped;
	struct malloc_arena_use use;
	struct malloc_image image;
	size_t order[CHUNKS]; /* of the list: numbers of chunks */
};

static uint64_t block_of(size_t number)
{
	return HEAP + number * CHUNK + CHUNK_HEADER_BYTES;
}

static void set_up(struct fixture *fixture)
{
	bool was_there;

	*fixture = (struct fixture){
		.heap = {.start = HEAP,
			 .end = HEAP + HEAP_BYTES,
			 .first_chunk = HEAP,
			 .chunks_end = HEAP + CHUNKS * CHUNK},
		.instance = {.layout = &arena_layouts[0],
			     .arenas = &fixture->arena,
			     .arena_cnt = 1,
			     .heaps = {.items = &fixture->heap, .cnt = 1}},
		.use = {.in_use = {.cnt = CHUNKS, .bytes = CHUNKS * CHUNK}},
		.image = {.instance = &fixture->instance,
			  .mapped = &fixture->mapped,
			  .arenas = &fixture->use},
	};
	fake_memory__init(&fixture->memory);
	fake_memory__map(&fixture->memory, HEAP, HEAP_BYTES);
	assert_int_equal(block_map__new(&fixture->image.chunks, &malloc_layout.map, NULL), 0);
	assert_int_equal(block_map__new(&fixture->image.live, &malloc_layout.map, NULL), 0);
	for (size_t i = 0; i < CHUNKS; i++) {
		fixture->order[i] = i;
		block_map__insert(fixture->image.chunks, block_of(i), &was_there);
		block_map__insert(fixture->image.live, block_of(i), &was_there);
	}
}

static void tear_down(struct fixture *fixture)
{
	block_map__free(fixture->image.chunks);
	block_map__free(fixture->image.live);
	account__free(fixture->image.fast.items);
	fake_memory__release(&fixture->memory);
}

/* Links point at chunks in fastbins; they are mangled as PROTECT_PTR() does. */
static void write_list(struct fixture *fixture)
{
	for (size_t i = 0; i < CHUNKS; i++) {
		uint64_t block = block_of(fixture->order[i]),
			 next = i + 1 < CHUNKS
					? block_of(fixture->order[i + 1]) - CHUNK_HEADER_BYTES
					: 0;

		*fake_memory__word(&fixture->memory, block) = next ^ block >> 12;
	}
	fixture->arena.fastbins[FASTBIN] = block_of(fixture->order[0]) - CHUNK_HEADER_BYTES;
}

static void check_all_taken(struct fixture *fixture)
{
	fixture->memory.call_cnt = 0;
	assert_int_equal(fastbins__take(&fixture->image, 0, &fixture->memory.memory), 0);
	assert_int_equal(fixture->image.torn_lists, 0);
	assert_int_equal(fixture->image.links, LINKS_MANGLED);
	assert_int_equal(fixture->image.fast.cnt, CHUNKS);
	for (size_t i = 0; i < CHUNKS; i++)
		assert_int_equal(fixture->image.fast.items[i], block_of(fixture->order[i]));
	assert_int_equal(fixture->use.fastbins.bytes, CHUNKS * CHUNK);
	assert_int_equal(fixture->use.in_use.cnt, 0);
}

static void reverse(struct fixture *fixture)
{
	for (size_t i = 0; i < CHUNKS; i++)
		fixture->order[i] = CHUNKS - 1 - i;
}

static void shuffle(struct fixture *fixture)
{
	uint64_t seed = 3;

	for (size_t i = CHUNKS - 1; i; i--) {
		size_t other = prng__next(&seed) % (i + 1), number = fixture->order[i];

		fixture->order[i] = fixture->order[other];
		fixture->order[other] = number;
	}
}

/* Chunks that were freed one behind the other: their links are read by the page. */
static void test_lists_in_the_order_of_addresses(void **state)
{
	static struct fixture fixture;

	(void)state;
	for (int is_downwards = 0; is_downwards < 2; is_downwards++) {
		set_up(&fixture);
		if (is_downwards)
			reverse(&fixture);
		write_list(&fixture);
		check_all_taken(&fixture);
		assert_true(fixture.memory.call_cnt < 2 * HEAP_BYTES / 4096);
		tear_down(&fixture);
	}
}

static void test_lists_in_any_order(void **state)
{
	static struct fixture fixture;

	(void)state;
	set_up(&fixture);
	shuffle(&fixture);
	write_list(&fixture);
	check_all_taken(&fixture);
	tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists_in_the_order_of_addresses),
		cmocka_unit_test(test_lists_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
