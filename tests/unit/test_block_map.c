// SPDX-License-Identifier: BSD-2-Clause
#include "heap/block_map.h"

#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "unit_test.h"

#define PAGE	    4096UL
#define CHUNK_BYTES (1UL << 20)

static struct block_map_layout layout_of(uint32_t alignment)
{
	return (struct block_map_layout){.alignment = alignment,
					 .page_bytes = PAGE,
					 .chunk_bytes = CHUNK_BYTES};
}

static struct block_map *new_map(uint32_t alignment)
{
	const struct block_map_layout layout = layout_of(alignment);
	struct block_map *map;

	assert_int_equal(block_map__new(&map, &layout, NULL), 0);
	return map;
}

static bool insert(struct block_map *map, uint64_t address)
{
	bool was_live = true;

	assert_int_equal(block_map__insert(map, address, &was_live), 0);
	return was_live;
}

static bool take_out(struct block_map *map, uint64_t address)
{
	bool was_live = true;

	block_map__remove(map, address, &was_live);
	return was_live;
}

static void test_empty_map_has_nothing(void **state)
{
	struct block_map *map = new_map(16);

	(void)state;
	assert_false(block_map__contains(map, 0x7f0000000030));
	assert_false(take_out(map, 0x7f0000000030));
	assert_int_equal(block_map__class(map, 0x7f0000000000), CLASS_UNKNOWN);
	assert_null(block_map__span_bits(map, 0x7f0000000000));
	assert_null(block_map__chunk(map, 0x7f0000000000));
	block_map__remove_range(map, 0x7f0000000000, 4 * CHUNK_BYTES);
	/* None of this allocated memory. */
	assert_null(block_map__chunk_at(map, 0));
	block_map__free(map);
}

static void test_tells_what_a_block_was_before(void **state)
{
	struct block_map *map = new_map(16);

	(void)state;
	assert_false(insert(map, 0x7f0000000030));
	assert_true(insert(map, 0x7f0000000030));
	assert_false(block_map__contains(map, 0x7f0000000020));
	assert_false(block_map__contains(map, 0x7f0000000040));
	assert_true(block_map__contains(map, 0x7f0000000030));
	assert_true(take_out(map, 0x7f0000000030));
	assert_false(take_out(map, 0x7f0000000030));
	assert_false(block_map__contains(map, 0x7f0000000030));
	block_map__free(map);
}

/*
 * The reference: a byte for each address and a class for each page of a window that begins and ends
 * inside chunks, so that ranges cross chunk boundaries.
 */
#define WINDOW	     0x7f00000c0000UL
#define WINDOW_PAGES 640UL
#define WINDOW_BYTES (WINDOW_PAGES * PAGE)

struct reference {
	uint32_t alignment;
	uint8_t live[WINDOW_BYTES / 8];
	uint8_t class[WINDOW_PAGES];
};

static uint8_t *live_at(struct reference *reference, uint64_t address)
{
	return &reference->live[(address - WINDOW) / reference->alignment];
}

static void check_pool_bits(const struct block_map *map, struct reference *reference, uint64_t pool)
{
	const uint64_t *bits = block_map__span_bits(map, pool);

	for (uint64_t unit = 0; unit < PAGE / reference->alignment; unit++)
		assert_int_equal(bits ? bits[unit / 64] >> unit % 64 & 1 : 0,
				 *live_at(reference, pool + unit * reference->alignment));
}

/* The map equals the reference, and contains nothing else. */
static void check_all(const struct block_map *map, struct reference *reference)
{
	uint64_t expected = 0, found = 0;
	const struct block_map_chunk *chunk;

	for (uint64_t at = WINDOW; at < WINDOW + WINDOW_BYTES; at += reference->alignment) {
		expected += *live_at(reference, at);
		assert_int_equal(block_map__contains(map, at), *live_at(reference, at));
	}
	for (uint64_t page = 0; page < WINDOW_PAGES; page++) {
		check_pool_bits(map, reference, WINDOW + page * PAGE);
		assert_int_equal(block_map__class(map, WINDOW + page * PAGE),
				 reference->class[page]);
	}
	for (size_t i = 0; (chunk = block_map__chunk_at(map, i)); i++)
		for (size_t w = 0; w < block_map__words_per_chunk(map); w++)
			found += (uint64_t)__builtin_popcountll(chunk->bits[w]);
	assert_int_equal(found, expected);
}

/* The live blocks in ranges that begin and end anywhere, over chunks that exist and others. */
static void check_range(const struct block_map *map, struct reference *reference, uint64_t *random)
{
	uint64_t units = WINDOW_BYTES / reference->alignment, expected = 0;
	uint64_t first = prng__below(random, (uint32_t)units);
	uint64_t longest = prng__below(random, 2) ? 200 : units;
	uint64_t cnt =
		prng__below(random,
			    (uint32_t)(longest < units - first ? longest : units - first) + 1);
	uint64_t address = WINDOW + first * reference->alignment;
	uint64_t end = address + cnt * reference->alignment, next = address;

	for (uint64_t at = address; at < end; at += reference->alignment) {
		if (!*live_at(reference, at))
			continue;
		expected++;
		assert_true(block_map__next(map, &next, end));
		assert_int_equal(next, at);
		next += reference->alignment;
	}
	assert_false(block_map__next(map, &next, end));
	assert_int_equal(block_map__count(map, address, end - address), expected);
	next = end;
	for (uint64_t at = end; at > address;) {
		at -= reference->alignment;
		if (!*live_at(reference, at))
			continue;
		assert_true(block_map__previous(map, &next, address));
		assert_int_equal(next, at);
	}
	assert_false(block_map__previous(map, &next, address));
}

static void change_range(struct block_map *map, struct reference *reference, uint64_t *random)
{
	uint64_t first = prng__below(random, WINDOW_PAGES);
	uint64_t pages = prng__below(random, (uint32_t)(WINDOW_PAGES - first) + 1);
	uint64_t address = WINDOW + first * PAGE;
	bool live = prng__below(random, 4) == 0;

	if (live)
		assert_int_equal(block_map__insert_range(map, address, pages * PAGE), 0);
	else
		block_map__remove_range(map, address, pages * PAGE);
	memset(reference->live + first * PAGE / reference->alignment, live,
	       pages * PAGE / reference->alignment);
}

static void change_pool(struct block_map *map, struct reference *reference, uint64_t *random)
{
	uint64_t pages = prng__below(random, 2) ? 4 : 1; /* a pool of 16 KiB or 4 KiB */
	uint64_t page = prng__below(random, WINDOW_PAGES / 4) * 4;
	size_t words = pages * PAGE / reference->alignment / 64;
	uint64_t pool = WINDOW + page * PAGE, live[32];
	uint8_t class = (uint8_t)prng__below(random, 64);

	for (size_t i = 0; i < words; i++)
		live[i] = prng__next(random) & prng__next(random);
	for (uint64_t unit = 0; unit < words * 64; unit++)
		*live_at(reference, pool + unit * reference->alignment) =
			live[unit / 64] >> unit % 64 & 1;
	reference->class[page] = class;
	assert_int_equal(block_map__set_span(map, pool, class, 0, live, words), 0);
}

static void change_something(struct block_map *map, struct reference *reference, uint64_t *random)
{
	uint32_t what = prng__below(random, 1000), page = prng__below(random, WINDOW_PAGES);
	uint64_t block = WINDOW + page * PAGE +
			 prng__below(random, PAGE / reference->alignment) * reference->alignment;
	uint8_t *live = live_at(reference, block);

	if (what < 5) {
		change_range(map, reference, random);
	} else if (what < 100) {
		change_pool(map, reference, random);
	} else if (what < 150) {
		reference->class[page] = (uint8_t)what;
		assert_int_equal(block_map__set_class(map, WINDOW + page * PAGE, (uint8_t)what), 0);
	} else if (what < 600) {
		assert_int_equal(insert(map, block), *live);
		*live = 1;
	} else {
		assert_int_equal(take_out(map, block), *live);
		*live = 0;
	}
}

static void compare_with_bytes(uint32_t alignment, uint64_t seed)
{
	struct reference *reference = calloc(1, sizeof(*reference));
	struct block_map *map = new_map(alignment);

	assert_non_null(reference);
	reference->alignment = alignment;
	memset(reference->class, CLASS_UNKNOWN, sizeof(reference->class));
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 5000; i++)
			change_something(map, reference, &seed);
		check_all(map, reference);
		for (int i = 0; i < 200; i++)
			check_range(map, reference, &seed);
	}
	block_map__free(map);
	free(reference);
}

static void test_equals_a_byte_array_with_alignment_8(void **state)
{
	(void)state;
	compare_with_bytes(8, 1);
}

static void test_equals_a_byte_array_with_alignment_16(void **state)
{
	(void)state;
	compare_with_bytes(16, 2);
}

/* Many chunks: some far apart, some whose numbers differ only in the high bits. */
#define CHUNKS 3000

static uint64_t nth_chunk(uint32_t n)
{
	return n % 3 ? n * CHUNK_BYTES + 0x7e0000000000 : (uint64_t)n << 44;
}

static void test_finds_every_one_of_many_chunks(void **state)
{
	struct block_map *map = new_map(16);
	struct block_map_chunk *first = NULL;
	const struct block_map_chunk *chunk;
	uint8_t seen[CHUNKS] = {};
	size_t cnt = 0;

	(void)state;
	assert_int_equal(block_map__get_chunk(map, nth_chunk(1), &first), 0);
	for (uint32_t i = 0; i < CHUNKS; i++) {
		assert_false(insert(map, nth_chunk(i) + i * 16UL));
		assert_int_equal(block_map__set_class(map, nth_chunk(i), (uint8_t)(i % 64)), 0);
	}
	/* A chunk does not move when the map grows. */
	assert_ptr_equal(block_map__chunk(map, nth_chunk(1)), first);
	for (uint32_t i = 0; i < CHUNKS; i++) {
		assert_true(block_map__contains(map, nth_chunk(i) + i * 16UL));
		assert_false(block_map__contains(map, nth_chunk(i) + i * 16UL + 16));
		assert_int_equal(block_map__class(map, nth_chunk(i)), i % 64);
		assert_int_equal(block_map__chunk(map, nth_chunk(i))->address, nth_chunk(i));
	}
	for (; (chunk = block_map__chunk_at(map, cnt)); cnt++) {
		uint32_t n = chunk->address >= 0x7e0000000000 && chunk->address < 0x7f0000000000
				     ? (uint32_t)((chunk->address - 0x7e0000000000) / CHUNK_BYTES)
				     : (uint32_t)(chunk->address >> 44);

		assert_true(n < CHUNKS);
		assert_int_equal(seen[n]++, 0);
	}
	assert_int_equal(cnt, CHUNKS);
	block_map__free(map);
}

static void test_chunk_in_use_is_the_one_asked_for(void **state)
{
	struct block_map *map = new_map(8);
	struct block_map_chunk *one, *two, *again;

	(void)state;
	assert_int_equal(block_map__get_chunk(map, 5 * CHUNK_BYTES, &one), 0);
	assert_int_equal(block_map__get_chunk(map, 6 * CHUNK_BYTES, &two), 0);
	assert_ptr_not_equal(one, two);
	assert_int_equal(block_map__get_chunk(map, 5 * CHUNK_BYTES, &again), 0);
	assert_ptr_equal(again, one);
	insert(map, 5 * CHUNK_BYTES + 8);
	assert_int_equal(one->bits[0], 2);
	assert_int_equal(two->bits[0], 0);
	block_map__free(map);
}

/* DESIGN: under 1 % of the heap, with the alignment of all current builds. */
static void test_costs_what_the_design_promises(void **state)
{
	const struct block_map_layout by_16 = layout_of(16), by_8 = layout_of(8);

	(void)state;
	assert_true(block_map__chunk_cost_bytes(&by_16) * 100 < CHUNK_BYTES);
	assert_true(block_map__chunk_cost_bytes(&by_8) * 50 < CHUNK_BYTES);
	/* At least a bit for each possible block, and a byte for each page. */
	assert_true(block_map__chunk_cost_bytes(&by_16) >=
		    CHUNK_BYTES / 16 / 8 + CHUNK_BYTES / PAGE);
	assert_true(block_map__chunk_cost_bytes(&by_8) >= CHUNK_BYTES / 8 / 8 + CHUNK_BYTES / PAGE);
}

static bool is_odd(uint64_t chunk_address, const void *context)
{
	(void)context;
	return chunk_address / CHUNK_BYTES % 2;
}

/* Chunks that are kept are found as before; dropped ones are gone, even the one used last. */
static void test_drops_chunks(void **state)
{
	_cleanup_(block_map__freep) struct block_map *map = NULL;
	const struct block_map_layout layout = layout_of(16);
	struct account *account;
	uint64_t used_bytes;
	bool was_live;

	(void)state;
	assert_int_equal(account__new(&account, UINT64_MAX, NULL), 0);
	assert_int_equal(block_map__new(&map, &layout, account), 0);
	for (uint64_t i = 1; i <= 1000; i++)
		assert_int_equal(block_map__insert(map, i * CHUNK_BYTES + 16 * i, &was_live), 0);
	used_bytes = account__usage(account).used_bytes;
	block_map__drop_chunks(map, is_odd, NULL);
	assert_int_equal(block_map__chunk_cnt(map), 500);
	assert_true(account__usage(account).used_bytes < used_bytes / 5 * 3);
	for (uint64_t i = 1; i <= 1000; i++)
		assert_int_equal(block_map__contains(map, i * CHUNK_BYTES + 16 * i), i % 2);
	for (uint64_t i = 1; i <= 1000; i++)
		assert_int_equal(block_map__insert(map, i * CHUNK_BYTES + 16 * i, &was_live), 0);
	assert_int_equal(block_map__chunk_cnt(map), 1000);
	block_map__drop_chunks(map, is_odd, NULL);
	block_map__drop_chunks(map, is_odd, NULL);
	assert_int_equal(block_map__chunk_cnt(map), 500);
	account__close(account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_map_has_nothing),
		cmocka_unit_test(test_tells_what_a_block_was_before),
		cmocka_unit_test(test_equals_a_byte_array_with_alignment_8),
		cmocka_unit_test(test_equals_a_byte_array_with_alignment_16),
		cmocka_unit_test(test_finds_every_one_of_many_chunks),
		cmocka_unit_test(test_chunk_in_use_is_the_one_asked_for),
		cmocka_unit_test(test_costs_what_the_design_promises),
		cmocka_unit_test(test_drops_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
