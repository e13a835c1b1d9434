// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/chunk_walk.h"

#include <errno.h>
#include <string.h>

#include "fake_memory.h"
#include "prng.h"
#include "unit_test.h"

#define HEAP	    0x7f1234000000UL
#define HEAP_BYTES  (8UL << 20)
#define CHUNKS_MAX  65536
#define FIRST_CHUNK (HEAP + 48)

struct chunk {
	uint64_t address, size;
	bool is_free;
};

/* A heap as glibc would have made it, and which chunks it has. */
struct fixture {
	struct fake_memory memory;
	struct malloc_heap heap;
	struct chunk chunks[CHUNKS_MAX];
	size_t cnt;
	/* What a walk has shown. */
	struct chunk seen[CHUNKS_MAX];
	size_t seen_cnt;
	struct chunk_walk_counts counts;
};

static void put(const struct fixture *fixture, uint64_t address, uint64_t word)
{
	*fake_memory__word(&fixture->memory, address) = word;
}

/* Writes the headers of all chunks, up to what is at @end: a word of size. */
static void write_chunks(struct fixture *fixture, uint64_t end, uint64_t end_word)
{
	bool was_free = false;

	for (size_t i = 0; i < fixture->cnt; i++) {
		const struct chunk *chunk = &fixture->chunks[i];

		put(fixture, chunk->address + 8, chunk->size | 4 | !was_free);
		if (chunk->is_free)
			put(fixture, chunk->address + chunk->size, chunk->size);
		was_free = chunk->is_free;
	}
	put(fixture, end + 8, end_word | !was_free);
}

/* Fills the heap with chunks of sizes up to @size_max, some of which are free, no two in a row. */
static void make_chunks(struct fixture *fixture, uint64_t size_max, uint64_t seed)
{
	uint64_t at = FIRST_CHUNK, limit = HEAP + HEAP_BYTES - 4096;
	bool was_free = false;

	for (fixture->cnt = 0; fixture->cnt < CHUNKS_MAX; fixture->cnt++) {
		uint64_t size = 32 + 16 * (prng__next(&seed) % (size_max / 16));

		if (size > limit - at)
			break;
		was_free = !was_free && prng__next(&seed) % 3 == 0;
		fixture->chunks[fixture->cnt] =
			(struct chunk){.address = at, .size = size, .is_free = was_free};
		at += size;
	}
	fixture->heap.top = at;
}

static void set_up(struct fixture *fixture)
{
	*fixture = (struct fixture){.heap = {.start = HEAP,
					     .end = HEAP + HEAP_BYTES,
					     .top_end = HEAP + HEAP_BYTES,
					     .first_chunk = FIRST_CHUNK}};
	fake_memory__init(&fixture->memory);
	fake_memory__map(&fixture->memory, HEAP, HEAP_BYTES);
}

static int take(const struct chunk_batch *batch, void *context)
{
	struct fixture *fixture = context;
	uint64_t address = batch->start;

	assert_true(batch->cnt && batch->cnt <= CHUNKS_MAX - fixture->seen_cnt);
	for (size_t i = 0; i < batch->cnt; i++) {
		fixture->seen[fixture->seen_cnt++] =
			(struct chunk){.address = address,
				       .size = chunk_word__size(batch->words[i]),
				       .is_free = chunk_word__is_free(batch->words[i])};
		address += chunk_word__size(batch->words[i]);
	}
	return 0;
}

static int walk(struct fixture *fixture)
{
	fixture->seen_cnt = 0;
	fixture->counts = (struct chunk_walk_counts){};
	return malloc_heap__walk(&fixture->heap, &fixture->memory.memory, take, fixture,
				 &fixture->counts);
}

static void check_all_seen(const struct fixture *fixture)
{
	assert_int_equal(fixture->seen_cnt, fixture->cnt);
	for (size_t i = 0; i < fixture->cnt; i++) {
		assert_int_equal(fixture->seen[i].address, fixture->chunks[i].address);
		assert_int_equal(fixture->seen[i].size, fixture->chunks[i].size);
		assert_int_equal(fixture->seen[i].is_free, fixture->chunks[i].is_free);
	}
	assert_int_equal(fixture->counts.lost_bytes, 0);
}

static void test_all_chunks_up_to_the_top(void **state)
{
	static const uint64_t largest[] = {64, 600, 5000, 300000, 2000000};
	static struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(largest); i++) {
		set_up(&fixture);
		make_chunks(&fixture, largest[i], i + 1);
		write_chunks(&fixture, fixture.heap.top, 4096);
		assert_int_equal(walk(&fixture), 0);
		check_all_seen(&fixture);
		assert_int_equal(fixture.heap.chunks_end, fixture.heap.top);
		assert_int_equal(fixture.counts.torn_windows, 0);
		fake_memory__release(&fixture.memory);
	}
}

/*
 * The top has moved since the arena was read: it was in the middle of what are chunks now, or is
 * larger now, so that where it was is in it.
 */
static void test_all_chunks_up_to_a_top_that_has_moved(void **state)
{
	static const uint64_t largest[] = {64, 600, 5000, 300000};
	static struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(largest); i++) {
		uint64_t top, middle;

		set_up(&fixture);
		make_chunks(&fixture, largest[i / 2], i + 1);
		fixture.cnt -= fixture.cnt / 4;
		top = fixture.chunks[fixture.cnt].address;
		middle = fixture.chunks[fixture.cnt / 2].address;
		write_chunks(&fixture, top, HEAP + HEAP_BYTES - top);
		fixture.heap.top = i % 2 ? middle + 16 : top + 4096;
		assert_int_equal(walk(&fixture), 0);
		check_all_seen(&fixture);
		assert_int_equal(fixture.heap.chunks_end, top);
		assert_int_equal(fixture.heap.top, top);
		fake_memory__release(&fixture.memory);
	}
}

/* Fills the heap with chunks of @size. If @repeated is not 0, a small one follows on so many. */
static void make_equal_chunks(struct fixture *fixture, uint64_t size, size_t repeated)
{
	uint64_t at = FIRST_CHUNK, limit = HEAP + HEAP_BYTES - 4096;

	for (fixture->cnt = 0; fixture->cnt < CHUNKS_MAX; fixture->cnt++) {
		bool is_small = repeated && fixture->cnt % (repeated + 1) == repeated;
		struct chunk chunk = {.address = at,
				      .size = is_small ? 48 : size,
				      .is_free = fixture->cnt % 2};

		if (chunk.size > limit - at)
			break;
		fixture->chunks[fixture->cnt] = chunk;
		at += chunk.size;
	}
	fixture->heap.top = at;
}

static void test_large_chunks_of_one_size(void **state)
{
	static struct fixture fixture;

	(void)state;
	for (size_t repeated = 0; repeated < 20; repeated++) {
		set_up(&fixture);
		make_equal_chunks(&fixture, 40 << 10, repeated);
		write_chunks(&fixture, fixture.heap.top, 4096);
		assert_int_equal(walk(&fixture), 0);
		check_all_seen(&fixture);
		assert_int_equal(fixture.counts.retried_windows, 0);
		assert_int_equal(fixture.counts.torn_windows, 0);
		if (!repeated)
			assert_true(fixture.memory.call_cnt < fixture.cnt / 10);
		fake_memory__release(&fixture.memory);
	}
}

/* One of many large chunks is not free as its end says, or cannot be of its size. */
static void test_large_chunks_that_are_damaged(void **state)
{
	static struct fixture fixture;

	(void)state;
	for (size_t i = 1; i < 200; i += 2) {
		uint64_t address;

		set_up(&fixture);
		make_equal_chunks(&fixture, 40 << 10, 0);
		write_chunks(&fixture, fixture.heap.top, 4096);
		address = fixture.chunks[i].address;
		put(&fixture, address + fixture.chunks[i].size, 8);
		assert_int_equal(walk(&fixture), 0);
		check_all_seen(&fixture);
		assert_int_equal(fixture.counts.torn_windows, 1);

		put(&fixture, address + 8, HEAP_BYTES | 1);
		assert_int_equal(walk(&fixture), 0);
		assert_int_equal(fixture.seen_cnt, i);
		assert_int_equal(fixture.heap.chunks_end, address);
		fake_memory__release(&fixture.memory);
	}
}

static void test_ends_at_a_fence(void **state)
{
	static struct fixture fixture;
	uint64_t fence;

	(void)state;
	set_up(&fixture);
	make_chunks(&fixture, 600, 7);
	fence = fixture.heap.top;
	fixture.heap.top = 0;
	write_chunks(&fixture, fence, 16);
	put(&fixture, fence + 24, 1);
	assert_int_equal(walk(&fixture), 0);
	check_all_seen(&fixture);
	assert_int_equal(fixture.heap.chunks_end, fence);
	fake_memory__release(&fixture.memory);
}

/* How many chunks end with a header below @address, and where the next one begins. */
static size_t count_below(const struct fixture *fixture, uint64_t address, uint64_t *next)
{
	size_t cnt = 0;

	while (cnt < fixture->cnt &&
	       fixture->chunks[cnt].address + fixture->chunks[cnt].size + 16 <= address)
		cnt++;
	*next = fixture->chunks[cnt].address;
	return cnt;
}

/*
 * The walk passes over what is swapped out within a chunk. It ends, without trying again, where a
 * header is swapped out, and what it has seen until then is right.
 */
static void test_pages_that_are_swapped_out(void **state)
{
	static struct fixture fixture;
	uint64_t next;

	(void)state;
	set_up(&fixture);
	make_chunks(&fixture, 2000000, 9);
	write_chunks(&fixture, fixture.heap.top, 4096);
	for (size_t i = 0; i < fixture.cnt; i++)
		if (fixture.chunks[i].size > 3 * 4096 && fixture.memory.swapped_cnt < 8)
			fake_memory__swap_out(&fixture.memory,
					      (fixture.chunks[i].address & ~4095UL) + 4096,
					      (fixture.chunks[i].size & ~4095UL) - 2 * 4096);
	assert_int_equal(walk(&fixture), 0);
	check_all_seen(&fixture);
	fake_memory__release(&fixture.memory);

	set_up(&fixture);
	make_chunks(&fixture, 600, 9);
	write_chunks(&fixture, fixture.heap.top, 4096);
	fake_memory__swap_out(&fixture.memory, HEAP + HEAP_BYTES / 2, 4096);
	assert_int_equal(walk(&fixture), 0);
	fixture.cnt = count_below(&fixture, HEAP + HEAP_BYTES / 2, &next);
	assert_int_equal(fixture.heap.chunks_end, next);
	assert_int_equal(fixture.counts.lost_bytes, fixture.heap.top - next);
	assert_int_equal(fixture.counts.retried_windows, 0);
	fixture.counts.lost_bytes = 0;
	check_all_seen(&fixture);
	fake_memory__release(&fixture.memory);
}

/* Sizes that cannot be: the walk ends there, and says how much it has not seen. */
static void test_impossible_sizes_end_the_walk(void **state)
{
	static const uint64_t words[] = {0,  1,		 8,	    16,		24,
					 40, UINT64_MAX, 1UL << 63, HEAP_BYTES, 64 | 2};
	static struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t broken;

		set_up(&fixture);
		make_chunks(&fixture, 600, 11);
		write_chunks(&fixture, fixture.heap.top, 4096);
		broken = fixture.cnt / 2;
		put(&fixture, fixture.chunks[broken].address + 8, words[i]);
		assert_int_equal(walk(&fixture), 0);
		assert_int_equal(fixture.seen_cnt, broken);
		assert_int_equal(fixture.counts.lost_bytes,
				 fixture.heap.top - fixture.chunks[broken].address);
		fake_memory__release(&fixture.memory);
	}
}

/* A free chunk whose end does not say so: its window is copied again, then taken as it is. */
static void test_torn_windows_are_counted(void **state)
{
	static struct fixture fixture;
	size_t i = 0;

	(void)state;
	set_up(&fixture);
	make_chunks(&fixture, 600, 13);
	write_chunks(&fixture, fixture.heap.top, 4096);
	while (!fixture.chunks[i].is_free)
		i++;
	put(&fixture, fixture.chunks[i].address + fixture.chunks[i].size, 8);
	assert_int_equal(walk(&fixture), 0);
	check_all_seen(&fixture);
	assert_int_equal(fixture.counts.torn_windows, 1);
	assert_true(fixture.counts.retried_windows > 1);
	fake_memory__release(&fixture.memory);
}

static void mend(void *context, uint64_t address, size_t size)
{
	struct fixture *fixture = context;

	(void)address;
	(void)size;
	if (fixture->memory.call_cnt == 3)
		write_chunks(fixture, fixture->heap.top, 4096);
}

/* A size that is there again when the window is copied again. */
static void test_reads_again_what_was_changing(void **state)
{
	static struct fixture fixture;

	(void)state;
	set_up(&fixture);
	make_chunks(&fixture, 600, 17);
	write_chunks(&fixture, fixture.heap.top, 4096);
	put(&fixture, fixture.chunks[3].address + 8, 0);
	fixture.memory.before_read = mend;
	fixture.memory.context = &fixture;
	assert_int_equal(walk(&fixture), 0);
	check_all_seen(&fixture);
	assert_true(fixture.counts.retried_windows > 0);
	assert_int_equal(fixture.counts.torn_windows, 0);
	fake_memory__release(&fixture.memory);
}

static void test_reports_a_target_that_is_gone(void **state)
{
	static struct fixture fixture;

	(void)state;
	set_up(&fixture);
	make_chunks(&fixture, 600, 19);
	write_chunks(&fixture, fixture.heap.top, 4096);
	fixture.memory.error = -ESRCH;
	assert_int_equal(walk(&fixture), -ESRCH);
	fake_memory__release(&fixture.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_chunks_up_to_the_top),
		cmocka_unit_test(test_all_chunks_up_to_a_top_that_has_moved),
		cmocka_unit_test(test_large_chunks_of_one_size),
		cmocka_unit_test(test_large_chunks_that_are_damaged),
		cmocka_unit_test(test_ends_at_a_fence),
		cmocka_unit_test(test_pages_that_are_swapped_out),
		cmocka_unit_test(test_impossible_sizes_end_the_walk),
		cmocka_unit_test(test_torn_windows_are_counted),
		cmocka_unit_test(test_reads_again_what_was_changing),
		cmocka_unit_test(test_reports_a_target_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
