// SPDX-License-Identifier: BSD-2-Clause
/*
 * pymalloc as real builds of CPython leave it in memory: recordings of several layouts are located
 * and read, and all numbers equal those that the recorded process printed. Then recordings are
 * corrupted: the damage is counted, and the rest is read as before. Each test runs on each
 * recording.
 */
#include "recording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_target.h"
#include "prng.h"
#include "pymalloc/checkpoint.h"
#include "pymalloc/locate.h"
#include "pymalloc/pool.h"
#include "pymalloc/used_pools.h"
#include "target/python.h"
#include "temp_file.h"
#include "unit_test.h"
#include "util/array.h"
#include "util/cleanup.h"

#ifndef RECORDINGS_DIRECTORY
#define RECORDINGS_DIRECTORY "tests/unit/recordings"
#endif

static const char *const RECORDINGS[] = {
	"cpython-2.7.18",   "cpython-3.8.18",	"cpython-3.11.7",
	"cpython-3.12.1",   "cpython-3.13.0",	"debian-11-3.9.2",
	"debian-12-3.11.2", "debian-13-3.13.5", "debian-sid-3.15.2",
};

/* A recording, and its heap image before a test corrupted it. */
struct sample {
	struct recording recording;
	struct obmalloc obmalloc;
	struct heap *heap;
	uint64_t *pools; /* all carved pools */
	size_t pool_cnt;
};

static int read_heap(struct sample *sample, struct heap **out, struct checkpoint_counts *counts)
{
	*counts = (struct checkpoint_counts){};
	return checkpoint__read(out, &sample->obmalloc, &sample->recording.memory.memory, NULL,
				counts);
}

static int locate(const struct sample *sample, struct obmalloc *out)
{
	*out = (struct obmalloc){};
	return obmalloc__locate(out, &sample->recording.data, NULL,
				&sample->recording.memory.memory);
}

static void list_pools(struct sample *sample)
{
	const struct geometry geometry = pymalloc_layout__geometry(&sample->heap->layout);
	size_t capacity = 0;

	for (size_t i = 0; i < sample->heap->region_cnt; i++) {
		const struct region *arena = &sample->heap->regions[i];
		uint64_t pool = geometry__first_pool(&geometry, arena->address);

		for (; pool < arena->carved_end; pool += geometry.pool_size) {
			assert_int_equal(ARRAY_RESERVE(sample->pools, capacity,
						       sample->pool_cnt + 1),
					 0);
			sample->pools[sample->pool_cnt++] = pool;
		}
	}
}

static int load_sample(void **state)
{
	struct sample *sample = calloc(1, sizeof(*sample));
	const char *name = *state;
	struct checkpoint_counts counts;
	char path[4096];
	int err;

	assert_non_null(sample);
	*state = sample;
	snprintf(path, sizeof(path), "%s/%s.gz", RECORDINGS_DIRECTORY, name);
	err = recording__load(&sample->recording, path);
	if (err)
		fail_msg("%s: %s", path, strerror(-err));
	assert_int_equal(locate(sample, &sample->obmalloc), 0);
	assert_int_equal(read_heap(sample, &sample->heap, &counts), 0);
	list_pools(sample);
	return 0;
}

static int release_sample(void **state)
{
	struct sample *sample = *state;

	free(sample->pools);
	heap__free(sample->heap);
	obmalloc__free(&sample->obmalloc);
	recording__release(&sample->recording);
	free(sample);
	return 0;
}

static void test_version_is_found(void **state)
{
	struct sample *sample = *state;
	char version[32] = "";

	assert_int_equal(python__scan_version(&sample->recording.data, NULL, version,
					      sizeof(version)),
			 0);
	assert_string_equal(version, sample->recording.version);
}

/* There is one table, in the expected place, and no other after that one is removed. */
static void test_used_pools_are_found_once(void **state)
{
	struct sample *sample = *state;
	const struct memory *memory = &sample->recording.memory.memory;
	const struct geometry *expected = &sample->recording.geometry;
	struct used_pools_evidence evidence;
	struct used_pools table;
	size_t size;

	assert_int_equal(used_pools__find(&table, &evidence, &sample->recording.data, memory), 0);
	assert_int_equal(table.address, sample->recording.used_pools);
	assert_int_equal(table.class_cnt, 512 / expected->alignment);
	assert_int_equal(evidence.geometry.pool_size, expected->pool_size);
	assert_int_equal(evidence.geometry.alignment, expected->alignment);
	assert_int_equal(evidence.witness_cnt, POOL_WITNESSES_MAX);
	size = table.class_cnt * sizeof(table.pairs[0]);
	memset(recording__in_data(&sample->recording, table.address, size), 0, size);
	assert_int_equal(used_pools__find(&table, &evidence, &sample->recording.data, memory),
			 -ENOENT);
}

/* Every word that is taken for the pointer to the array of arenas really is one. */
static void test_arenas_are_found(void **state)
{
	struct sample *sample = *state;
	const struct recording *recording = &sample->recording;
	const struct obmalloc_state *allocator = &sample->obmalloc.items[0];
	struct region *arenas;
	uint64_t skipped = 0;
	size_t cnt;

	assert_int_equal(sample->obmalloc.cnt, 1);
	assert_int_equal(allocator->used_pools, recording->used_pools);
	assert_memory_equal(&sample->obmalloc.geometry, &recording->geometry,
			    sizeof(recording->geometry));
	assert_true(allocator->arenas_at_cnt > 0);
	for (size_t i = 0; i < allocator->arenas_at_cnt; i++)
		assert_int_equal(*fake_memory__word(&recording->memory, allocator->arenas_at[i]),
				 recording->arenas);
	assert_int_equal(obmalloc__read_arenas(&sample->obmalloc, &recording->memory.memory,
					       &arenas, &cnt, &skipped),
			 0);
	assert_int_equal(cnt, recording->stats.arenas);
	assert_int_equal(skipped, 0);
	account__free(arenas);
}

static void check_identity(const struct heap_totals *totals)
{
	assert_int_equal(totals->region_bytes, totals->live_bytes + totals->free_block_bytes +
						       totals->free_span_bytes +
						       totals->overhead_bytes);
}

static void check_classes(const struct heap_measure *measure, const struct recorded_stats *stats)
{
	for (uint32_t i = 0; i < measure->class_cnt; i++) {
		const struct recorded_class *expected = &stats->classes[i];

		assert_int_equal(measure->classes[i].spans, expected->pools);
		assert_int_equal(measure->classes[i].live_blocks, expected->live_blocks);
		assert_int_equal(measure->classes[i].free_blocks, expected->free_blocks);
	}
}

static void test_heap_is_what_the_process_said(void **state)
{
	struct sample *sample = *state;
	const struct recorded_stats *stats = &sample->recording.stats;
	struct checkpoint_counts counts, none = {};
	_cleanup_(heap__freep) struct heap *heap = NULL;
	struct heap_measure measure;
	uint64_t live_blocks = 0;

	assert_int_equal(read_heap(sample, &heap, &counts), 0);
	assert_memory_equal(&counts, &none, sizeof(none));
	assert_int_equal(heap__measure(heap, &measure), 0);
	assert_int_equal(measure.totals.regions, stats->arenas);
	assert_int_equal(measure.totals.region_bytes, stats->arena_bytes);
	assert_int_equal(measure.totals.live_bytes, stats->live_bytes);
	assert_int_equal(measure.totals.free_block_bytes, stats->free_block_bytes);
	assert_int_equal(measure.totals.free_span_bytes, stats->free_pool_bytes);
	assert_int_equal(measure.totals.overhead_bytes, stats->overhead_bytes);
	assert_int_equal(measure.totals.stray_blocks, 0);
	assert_int_equal(measure.totals.unclassified_spans, 0);
	check_identity(&measure.totals);
	check_classes(&measure, stats);
	for (size_t i = 0; i < heap->region_cnt; i++)
		live_blocks += measure.regions[i].live_blocks;
	assert_int_equal(live_blocks, measure.totals.live_blocks);
	heap_measure__free(&measure);
}

/* The process counts the live blocks of each pool; the same number of bits is set. */
static void test_pools_hold_what_their_headers_count(void **state)
{
	struct sample *sample = *state;
	size_t words = pool__word_cnt(&sample->recording.geometry);

	for (size_t i = 0; i < sample->pool_cnt; i++) {
		const uint64_t *bits = block_map__span_bits(sample->heap->blocks, sample->pools[i]);
		const struct pool_header *header =
			recording__pool(&sample->recording, sample->pools[i]);
		uint32_t live = 0;

		for (size_t w = 0; bits && w < words; w++)
			live += (uint32_t)__builtin_popcountll(bits[w]);
		assert_int_equal(live, header->count);
		if (live)
			assert_int_equal(block_map__class(sample->heap->blocks, sample->pools[i]),
					 header->szidx);
	}
}

static bool is_first_of_arena(const struct sample *sample, uint64_t pool)
{
	const struct region *arena = heap__region_around(sample->heap, pool);

	return pool == heap_layout__first_span(&sample->heap->layout, arena);
}

/* A pool with live and free blocks that is not the first of its arena. */
static uint64_t find_partial_pool(const struct sample *sample)
{
	for (size_t i = 0; i < sample->pool_cnt; i++) {
		const struct pool_header *header =
			recording__pool(&sample->recording, sample->pools[i]);

		if (header->count > 1 && header->freeblock &&
		    *fake_memory__word(&sample->recording.memory, header->freeblock) &&
		    !is_first_of_arena(sample, sample->pools[i]))
			return sample->pools[i];
	}
	fail_msg("no pool is partly used");
	return 0;
}

static bool is_among(uint64_t address, const uint64_t *addresses, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		if (addresses[i] == address)
			return true;
	return false;
}

/* Whether a pool is the same in both heaps. */
static bool pool_is_as_before(const struct sample *sample, const struct heap *heap, uint64_t pool)
{
	static const uint64_t none[POOL_WORDS_MAX];
	const uint64_t *before = block_map__span_bits(sample->heap->blocks, pool) ?: none;
	const uint64_t *after = block_map__span_bits(heap->blocks, pool) ?: none;

	return !memcmp(before, after, heap->layout.span_size / heap->layout.map.alignment / 8) &&
	       block_map__class(sample->heap->blocks, pool) == block_map__class(heap->blocks, pool);
}

/* All pools except the @cnt @spoiled ones are as before, and all counters add up. */
static void check_rest(const struct sample *sample, const struct heap *heap,
		       const uint64_t *spoiled, size_t cnt)
{
	struct heap_measure measure;

	assert_int_equal(heap->region_cnt, sample->heap->region_cnt);
	for (size_t i = 0; i < sample->pool_cnt; i++)
		if (!is_among(sample->pools[i], spoiled, cnt))
			assert_true(pool_is_as_before(sample, heap, sample->pools[i]));
	assert_int_equal(heap__measure(heap, &measure), 0);
	check_identity(&measure.totals);
	assert_int_equal(measure.totals.region_bytes, sample->recording.stats.arena_bytes);
	heap_measure__free(&measure);
}

/* The damage of @pool is counted as @expected, and nothing else is counted; then it is repaired. */
static void check_counted(struct sample *sample, uint64_t pool, struct checkpoint_counts expected)
{
	_cleanup_(heap__freep) struct heap *heap = NULL;
	struct checkpoint_counts counts;

	assert_int_equal(read_heap(sample, &heap, &counts), 0);
	assert_memory_equal(&counts, &expected, sizeof(counts));
	check_rest(sample, heap, &pool, 1);
	recording__repair(&sample->recording);
}

static void test_spoiled_pool_is_counted(void **state)
{
	static const struct {
		bool link; /* in the first free block's link; else in the header */
		uint64_t offset, changed_bits;
	} spoils[] = {
		{false, offsetof(struct pool_header, count), 1},
		{false, offsetof(struct pool_header, arenaindex), 64UL << 32}, /* and szidx */
		{false, offsetof(struct pool_header, nextoffset), UINT64_MAX},
		{false, offsetof(struct pool_header, freeblock), 8},
		{false, offsetof(struct pool_header, freeblock), 1UL << 30},
		{true, 0, 8},
		{true, 0, 1UL << 30},
	};
	const struct checkpoint_counts given_up = {.retried_spans = 1, .unresolved_spans = 1};
	struct sample *sample = *state;
	struct recording *recording = &sample->recording;
	uint64_t pool = find_partial_pool(sample);
	uint64_t block = recording__pool(recording, pool)->freeblock;

	for (size_t i = 0; i < ARRAY_SIZE(spoils); i++) {
		uint64_t at = (spoils[i].link ? block : pool) + spoils[i].offset;
		uint64_t value = *fake_memory__word(&recording->memory, at);

		recording__overwrite(recording, at, value ^ spoils[i].changed_bits);
		check_counted(sample, pool, given_up);
	}
	/* The free list is lost; the free list is circular. */
	recording__overwrite(recording, pool + offsetof(struct pool_header, freeblock), 0);
	check_counted(sample, pool, given_up);
	recording__overwrite(recording, *fake_memory__word(&recording->memory, block), block);
	check_counted(sample, pool, given_up);
}

static void test_pool_that_is_not_there_is_counted(void **state)
{
	struct sample *sample = *state;
	uint64_t pool = find_partial_pool(sample);

	fake_memory__punch_hole(&sample->recording.memory, pool,
				sample->recording.geometry.pool_size);
	check_counted(sample, pool, (struct checkpoint_counts){.unreadable_spans = 1});
}

static void check_no_arenas(struct sample *sample)
{
	struct checkpoint_counts counts;
	struct obmalloc obmalloc;
	struct heap *heap = NULL;

	assert_int_equal(locate(sample, &obmalloc), -EAGAIN);
	assert_null(obmalloc.items);
	assert_int_equal(read_heap(sample, &heap, &counts), -EAGAIN);
	assert_null(heap);
	recording__repair(&sample->recording);
}

/* A wrong word in a slot invalidates the array: that is an error, not another heap. */
static void test_spoiled_arena_is_refused(void **state)
{
	static const struct {
		uint64_t offset, value;
	} spoils[] = {
		{offsetof(struct arena_object, address), 0},
		{offsetof(struct arena_object, address), 0x10000},
		{offsetof(struct arena_object, address), UINT64_MAX},
		{offsetof(struct arena_object, pool_address), 0},
		{offsetof(struct arena_object, pool_address), 12345},
		{offsetof(struct arena_object, nfreepools), 1000 | 64UL << 32},
		{offsetof(struct arena_object, nfreepools), 3 | 5UL << 32}, /* ntotalpools */
		{offsetof(struct arena_object, nfreepools), 0},
		{offsetof(struct arena_object, freepools), 1},
	};
	struct sample *sample = *state;
	struct recording *recording = &sample->recording;
	uint64_t pool = sample->pools[0], index = recording__pool(recording, pool)->arenaindex;
	uint64_t slot = recording->arenas + index * sizeof(struct arena_object);

	for (size_t i = 0; i < ARRAY_SIZE(spoils); i++) {
		recording__overwrite(recording, slot + spoils[i].offset, spoils[i].value);
		check_no_arenas(sample);
	}
	/* The first pool says that it belongs to another arena. */
	recording__overwrite(recording, pool + offsetof(struct pool_header, arenaindex), index + 1);
	check_no_arenas(sample);
}

/* One list of pools is damaged: the others suffice to confirm the table. */
static void test_table_survives_a_spoiled_pool(void **state)
{
	struct sample *sample = *state;
	uint64_t pool = find_partial_pool(sample);
	struct recording *recording = &sample->recording;
	struct pool_header *header = recording__pool(recording, pool);
	uint64_t first = recording->used_pools + header->szidx * sizeof(struct used_pools_pair);
	_cleanup_(obmalloc__free) struct obmalloc obmalloc = {};

	header = recording__pool(recording, *fake_memory__word(&recording->memory, first));
	header->szidx += 3;
	header->prevpool = 0x4141414141414141;
	assert_int_equal(locate(sample, &obmalloc), 0);
	assert_int_equal(obmalloc.items[0].used_pools, sample->recording.used_pools);
	assert_memory_equal(&obmalloc.geometry, &sample->recording.geometry,
			    sizeof(obmalloc.geometry));
}

/* A word of the table that is not a pool: nothing else in the data is mistaken for the table. */
static void test_spoiled_table_is_not_found(void **state)
{
	struct sample *sample = *state;
	struct obmalloc obmalloc;
	uint64_t wrong = 0x1001;

	for (uint32_t i = 0; i < 64; i += 21) {
		uint64_t at = sample->recording.used_pools + i * 8;
		uint8_t *copy = recording__in_data(&sample->recording, at, 8);
		uint64_t saved;

		memcpy(&saved, copy, sizeof(saved));
		memcpy(copy, &wrong, sizeof(wrong));
		assert_int_equal(locate(sample, &obmalloc), -ENOENT);
		memcpy(copy, &saved, sizeof(saved));
	}
}

/* A word that could occur in a heap. */
static uint64_t make_word(const struct sample *sample, uint64_t *random, uint64_t old)
{
	uint64_t any = prng__next(random), pool = sample->pools[any % sample->pool_cnt];

	switch (prng__below(random, 6)) {
	case 0:
		return 0;
	case 1:
		return any;
	case 2:
		return old ^ 1UL << any % 64;
	case 3:
		return pool;
	case 4:
		return pool + any / 64 % 4096 * 8;
	default:
		return any % 1000;
	}
}

#define SPOILS_MAX 8

static void spoil_word(struct sample *sample, uint64_t address, uint64_t *random)
{
	uint64_t old = *fake_memory__word(&sample->recording.memory, address);

	recording__overwrite(&sample->recording, address, make_word(sample, random, old));
}

/* Corrupts a header, except for the arena index, or the memory after it. Returns the pool. */
static uint64_t spoil_pool(struct sample *sample, uint64_t *random)
{
	static const uint32_t words[] = {0, 8, 16, 24, 40};
	uint64_t pool = sample->pools[prng__below(random, (uint32_t)sample->pool_cnt)];
	uint32_t blocks = sample->recording.geometry.pool_size / 16 - 3;

	if (prng__below(random, 2))
		spoil_word(sample, pool + words[prng__below(random, ARRAY_SIZE(words))], random);
	else
		spoil_word(sample, pool + 48 + prng__below(random, blocks) * 16, random);
	return pool;
}

static void test_pools_spoiled_at_random(void **state)
{
	struct sample *sample = *state;
	uint64_t random = 1, unresolved = 0;

	for (int round = 0; round < 300; round++) {
		_cleanup_(heap__freep) struct heap *heap = NULL;
		struct checkpoint_counts counts;
		uint64_t spoiled[SPOILS_MAX];
		uint32_t cnt = prng__below(&random, SPOILS_MAX) + 1;

		for (uint32_t i = 0; i < cnt; i++)
			spoiled[i] = spoil_pool(sample, &random);
		assert_int_equal(read_heap(sample, &heap, &counts), 0);
		assert_int_equal(counts.unresolved_spans, counts.retried_spans);
		assert_int_equal(counts.unreadable_spans, 0);
		assert_true(counts.unresolved_spans <= cnt);
		check_rest(sample, heap, spoiled, cnt);
		unresolved += counts.unresolved_spans;
		recording__repair(&sample->recording);
	}
	assert_true(unresolved > 50);
}

/* Corrupts the array of arenas, the table, or pools, before anything is located. */
static void spoil_anything(struct sample *sample, uint64_t *random)
{
	const struct recording *recording = &sample->recording;
	uint32_t kind = prng__below(random, 4);

	if (kind == 0)
		spoil_word(sample, recording->arenas + prng__below(random, 16 * 6) * 8, random);
	else if (kind == 1)
		spoil_word(sample, recording->used_pools + prng__below(random, 64) * 8, random);
	else
		spoil_pool(sample, random);
}

static void test_anything_spoiled_at_random(void **state)
{
	struct sample *sample = *state;
	uint64_t random = 2;

	for (int round = 0; round < 40; round++) {
		_cleanup_(obmalloc__free) struct obmalloc obmalloc = {};
		_cleanup_(heap__freep) struct heap *heap = NULL;
		struct checkpoint_counts counts = {};
		struct heap_measure measure;
		int err;

		for (uint32_t i = prng__below(&random, SPOILS_MAX) + 1; i; i--)
			spoil_anything(sample, &random);
		err = locate(sample, &obmalloc);
		if (!err)
			err = checkpoint__read(&heap, &obmalloc, &sample->recording.memory.memory,
					       NULL, &counts);
		assert_true(!err || err == -ENOENT || err == -EAGAIN || err == -EUCLEAN);
		if (!err) {
			assert_int_equal(heap__measure(heap, &measure), 0);
			check_identity(&measure.totals);
			heap_measure__free(&measure);
		}
		recording__repair(&sample->recording);
	}
}

/* Not a recording, another format version, a truncated recording. */
static void test_other_files_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"recording 2\nend\n",
		"recording 1\nend\n",
		"recording 1\nbuild\n",
		"recording 1\nstats 99\nclass size\n",
		"recording 1\ncolour blue\nend\n",
		"recording 1\nmemory 0x1000 16\n0123456",
	};
	struct recording recording;
	char path[32];

	(void)state;
	assert_int_equal(recording__load(&recording, RECORDINGS_DIRECTORY "/nothing"), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int fd = temp_file__new(texts[i], strlen(texts[i]));

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		assert_int_equal(recording__load(&recording, path), -EBADMSG);
		close(fd);
	}
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} TESTS[] = {
	{"version is found", test_version_is_found},
	{"used pools are found once", test_used_pools_are_found_once},
	{"arenas are found", test_arenas_are_found},
	{"heap is what the process said", test_heap_is_what_the_process_said},
	{"pools hold what their headers count", test_pools_hold_what_their_headers_count},
	{"spoiled pool is counted", test_spoiled_pool_is_counted},
	{"pool that is not there is counted", test_pool_that_is_not_there_is_counted},
	{"spoiled arena is refused", test_spoiled_arena_is_refused},
	{"table survives a spoiled pool", test_table_survives_a_spoiled_pool},
	{"spoiled table is not found", test_spoiled_table_is_not_found},
	{"pools spoiled at random", test_pools_spoiled_at_random},
	{"anything spoiled at random", test_anything_spoiled_at_random},
};

#define CASE_CNT (ARRAY_SIZE(TESTS) * ARRAY_SIZE(RECORDINGS))

int main(void)
{
	static char names[CASE_CNT][96];
	static struct CMUnitTest tests[CASE_CNT + 1] = {
		[CASE_CNT] = cmocka_unit_test(test_other_files_are_refused)};

	for (size_t i = 0; i < CASE_CNT; i++) {
		const char *recording = RECORDINGS[i / ARRAY_SIZE(TESTS)];

		snprintf(names[i], sizeof(names[i]), "%s: %s", recording,
			 TESTS[i % ARRAY_SIZE(TESTS)].name);
		tests[i] = (struct CMUnitTest){names[i], TESTS[i % ARRAY_SIZE(TESTS)].run,
					       load_sample, release_sample, (void *)recording};
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
