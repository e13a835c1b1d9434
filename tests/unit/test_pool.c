// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/pool.h"

#include <stdlib.h>
#include <string.h>

#include "fake_target.h"
#include "prng.h"
#include "unit_test.h"

#define POOL	   0x7f3b58404000UL
#define HEADER	   48
#define BLOCKS_MAX 1024

/* A hand-made pool: an array says which of its blocks are live; the rest is derived from that. */
struct sample {
	struct geometry geometry;
	uint32_t size_class, block_size, capacity;
	uint32_t carved; /* blocks that were ever allocated */
	bool live[BLOCKS_MAX];
	uint32_t chain[BLOCKS_MAX]; /* the free ones among the carved blocks, in any order */
	uint32_t chain_cnt;
	uint8_t *bytes; /* pool_size bytes */
};

static uint64_t *word_at(struct sample *sample, uint32_t offset)
{
	return (uint64_t *)(sample->bytes + offset);
}

static struct pool_header *header_of(struct sample *sample)
{
	return (struct pool_header *)sample->bytes;
}

static uint32_t offset_of(const struct sample *sample, uint32_t block)
{
	return HEADER + block * sample->block_size;
}

/* Each of the @carved blocks is live with a probability of @live_percent. */
static void choose_live(struct sample *sample, uint32_t live_percent, uint64_t *random)
{
	memset(sample->live, 0, sizeof(sample->live));
	sample->chain_cnt = 0;
	for (uint32_t i = 0; i < sample->carved; i++) {
		sample->live[i] = prng__below(random, 100) < live_percent;
		if (!sample->live[i])
			sample->chain[sample->chain_cnt++] = i;
	}
	for (uint32_t i = sample->chain_cnt; i > 1; i--) {
		uint32_t other = prng__below(random, i), block = sample->chain[i - 1];

		sample->chain[i - 1] = sample->chain[other];
		sample->chain[other] = block;
	}
}

/* Live and never used blocks contain words that resemble links. */
static void write_bytes(struct sample *sample, uint64_t *random)
{
	for (uint32_t at = HEADER; at < sample->geometry.pool_size; at += 8)
		*word_at(sample, at) =
			prng__below(random, 2)
				? prng__next(random)
				: POOL + offset_of(sample, prng__below(random, sample->capacity));
	*header_of(sample) = (struct pool_header){
		.count = sample->carved - sample->chain_cnt,
		.padding = (uint32_t)prng__next(random),
		.freeblock = sample->chain_cnt ? POOL + offset_of(sample, sample->chain[0]) : 0,
		.nextpool = prng__next(random),
		.prevpool = prng__next(random),
		.arenaindex = (uint32_t)prng__next(random),
		.szidx = sample->size_class,
		.nextoffset = offset_of(sample, sample->carved),
		.maxnextoffset = sample->geometry.pool_size - sample->block_size,
	};
	for (uint32_t i = 0; i < sample->chain_cnt; i++)
		*word_at(sample, offset_of(sample, sample->chain[i])) =
			i + 1 < sample->chain_cnt ? POOL + offset_of(sample, sample->chain[i + 1])
						  : 0;
}

static void make_sample(struct sample *sample, const struct geometry *geometry, uint32_t size_class,
			uint32_t carved, uint32_t live_percent, uint64_t *random)
{
	*sample = (struct sample){.geometry = *geometry,
				  .size_class = size_class,
				  .block_size = (size_class + 1) * geometry->alignment};
	sample->capacity = (geometry->pool_size - HEADER) / sample->block_size;
	sample->carved = carved < sample->capacity ? carved : sample->capacity;
	sample->bytes = malloc(geometry->pool_size);
	assert_non_null(sample->bytes);
	choose_live(sample, live_percent, random);
	write_bytes(sample, random);
}

static bool decode(const struct sample *sample, size_t size, uint64_t *live)
{
	/*
	 * A copy of exactly that size, so that ASan detects reads past its end. Decoding clears the
	 * bits.
	 */
	uint8_t *copy = malloc(size);
	struct block_places *places;
	bool whole;

	assert_int_equal(block_places__new(&places, LAYOUT_OF(&sample->geometry)), 0);
	assert_non_null(copy);
	memcpy(copy, sample->bytes, size);
	memset(live, 0xff, POOL_WORDS_MAX * sizeof(*live));
	whole = pool__decode(&sample->geometry, places, POOL, copy, size, live);
	free(copy);
	free(places);
	return whole;
}

static void check_live(const struct sample *sample, const uint64_t *live)
{
	uint32_t units = sample->geometry.pool_size / sample->geometry.alignment;

	for (uint32_t unit = 0; unit < units; unit++) {
		uint32_t offset = unit * sample->geometry.alignment;
		uint32_t block = (offset - HEADER) / sample->block_size;
		bool expected = offset >= HEADER && offset == offset_of(sample, block) &&
				block < sample->carved && sample->live[block];

		assert_int_equal(live[unit / 64] >> unit % 64 & 1, expected);
	}
}

static void check_decodes(const struct sample *sample, size_t size)
{
	uint64_t live[POOL_WORDS_MAX];

	assert_true(decode(sample, size, live));
	check_live(sample, live);
}

static void test_every_class_of_every_geometry(void **state)
{
	uint64_t random = 5;

	(void)state;
	for (size_t g = 0; g < FAKE_GEOMETRY_CNT; g++)
		for (uint32_t c = 0; c < geometry__class_cnt(&FAKE_GEOMETRIES[g]); c++)
			for (uint32_t percent = 0; percent <= 100; percent += 25) {
				uint32_t carved = 2 + prng__below(&random, BLOCKS_MAX);
				struct sample sample;

				make_sample(&sample, &FAKE_GEOMETRIES[g], c, carved, percent,
					    &random);
				/* The carved part suffices; the whole pool gives the same. */
				check_decodes(&sample, offset_of(&sample, sample.carved));
				check_decodes(&sample, sample.geometry.pool_size);
				free(sample.bytes);
			}
}

static void test_full_pool(void **state)
{
	struct block_places *places;
	uint64_t random = 6;

	(void)state;
	for (size_t g = 0; g < FAKE_GEOMETRY_CNT; g++) {
		assert_int_equal(block_places__new(&places, LAYOUT_OF(&FAKE_GEOMETRIES[g])), 0);
		for (uint32_t c = 0; c < geometry__class_cnt(&FAKE_GEOMETRIES[g]); c++) {
			struct sample sample;

			make_sample(&sample, &FAKE_GEOMETRIES[g], c, UINT32_MAX, 100, &random);
			assert_true(pool__is_full(&sample.geometry, header_of(&sample)));
			check_decodes(&sample, sample.geometry.pool_size);
			check_live(&sample, block_places__of_class(places, (uint8_t)c));
			free(sample.bytes);
		}
		free(places);
	}
}

static void test_pool_with_a_free_or_virgin_block_is_not_full(void **state)
{
	uint64_t random = 7;
	struct sample sample;

	(void)state;
	make_sample(&sample, &FAKE_GEOMETRIES[2], 3, UINT32_MAX, 100, &random);
	/* A block was freed. */
	header_of(&sample)->count--;
	header_of(&sample)->freeblock = POOL + HEADER;
	assert_false(pool__is_full(&sample.geometry, header_of(&sample)));
	/* No consistent copy can have this count. */
	header_of(&sample)->count++;
	assert_false(pool__is_full(&sample.geometry, header_of(&sample)));
	header_of(&sample)->freeblock = 0;
	assert_true(pool__is_full(&sample.geometry, header_of(&sample)));
	header_of(&sample)->nextoffset -= sample.block_size;
	assert_false(pool__is_full(&sample.geometry, header_of(&sample)));
	header_of(&sample)->count--;
	assert_false(pool__is_full(&sample.geometry, header_of(&sample)));
	free(sample.bytes);
}

/*
 * The result of a torn copy: blocks on the free list before the error are free, the rest is live.
 */
static void check_torn(struct sample *sample, uint32_t named_cnt)
{
	uint64_t live[POOL_WORDS_MAX];

	assert_false(decode(sample, sample->geometry.pool_size, live));
	for (uint32_t i = named_cnt; i < sample->chain_cnt; i++)
		sample->live[sample->chain[i]] = true;
	check_live(sample, live);
}

/* Writes @link to the @at-th link of the free list (0: in the header), and checks the result. */
static void check_wrong_link(uint32_t at, uint64_t link)
{
	uint64_t random = 8;
	struct sample sample;

	make_sample(&sample, &FAKE_GEOMETRIES[1], 4, 30, 50, &random);
	assert_true(sample.chain_cnt > at);
	if (at)
		*word_at(&sample, offset_of(&sample, sample.chain[at - 1])) = link;
	else
		header_of(&sample)->freeblock = link;
	check_torn(&sample, at);
	free(sample.bytes);
}

static void test_chain_that_leaves_the_blocks(void **state)
{
	static const uint64_t links[] = {
		1,		     /* a reference count */
		POOL,		     /* the header */
		POOL + 8,	     /* inside the header */
		POOL + 47,	     /* its last byte */
		POOL - 80,	     /* before the pool, at a block's distance */
		POOL + 48 + 8,	     /* between two blocks */
		POOL + 48 + 1,	     /* unaligned */
		POOL + 48 + 16,	     /* where a smaller class would have a block */
		POOL + 48 + 30 * 80, /* the first block never used */
		POOL + 48 + 49 * 80, /* the last one */
		POOL + 4096,	     /* the next pool */
		POOL + 4096 + 48,    /* a block in it */
		UINT64_MAX,
		UINT64_MAX - 15,
		1UL << 63,
		0x00000000ffffffff,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		for (uint32_t at = 0; at < 4; at++)
			check_wrong_link(at, links[i]);
}

static void test_chain_that_runs_in_a_circle(void **state)
{
	uint64_t random = 9;

	(void)state;
	for (uint32_t last = 1; last < 10; last++)
		for (uint32_t to = 0; to < last; to++) {
			struct sample sample;

			make_sample(&sample, &FAKE_GEOMETRIES[2], 0, 60, 50, &random);
			*word_at(&sample, offset_of(&sample, sample.chain[last - 1])) =
				POOL + offset_of(&sample, sample.chain[to]);
			check_torn(&sample, last);
			free(sample.bytes);
		}
}

/* A free list that ends too early, or another count: the bits follow the free list. */
static void test_chain_that_disagrees_with_the_count(void **state)
{
	uint64_t random = 10;
	struct sample sample;

	(void)state;
	for (uint32_t cut = 0; cut < 5; cut++) {
		make_sample(&sample, &FAKE_GEOMETRIES[3], 7, 100, 50, &random);
		if (cut)
			*word_at(&sample, offset_of(&sample, sample.chain[cut - 1])) = 0;
		else
			header_of(&sample)->freeblock = 0;
		check_torn(&sample, cut);
		free(sample.bytes);
	}
	for (int step = -1; step <= 1; step += 2) {
		make_sample(&sample, &FAKE_GEOMETRIES[3], 7, 100, 50, &random);
		header_of(&sample)->count += (uint32_t)step;
		check_torn(&sample, sample.chain_cnt);
		free(sample.bytes);
	}
}

/* A link to a live block is a valid link: only the count reveals it. */
static void test_chain_that_strays_onto_a_live_block(void **state)
{
	uint64_t random = 11, live[POOL_WORDS_MAX];
	struct sample sample;
	uint32_t block = 0;

	(void)state;
	make_sample(&sample, &FAKE_GEOMETRIES[2], 5, 100, 50, &random);
	while (!sample.live[block])
		block++;
	*word_at(&sample, offset_of(&sample, sample.chain[sample.chain_cnt - 1])) =
		POOL + offset_of(&sample, block);
	*word_at(&sample, offset_of(&sample, block)) = 0;
	assert_false(decode(&sample, sample.geometry.pool_size, live));
	sample.live[block] = false;
	check_live(&sample, live);
	free(sample.bytes);
}

/* The copy has to include the link of the last carved block. */
static void test_copy_that_ends_too_early(void **state)
{
	uint64_t random = 12, live[POOL_WORDS_MAX];
	struct sample sample;
	uint32_t wanted;

	(void)state;
	make_sample(&sample, &FAKE_GEOMETRIES[2], 9, 20, 50, &random);
	wanted = offset_of(&sample, 19) + 8;
	assert_int_equal(pool__bytes_wanted(&sample.geometry, header_of(&sample)), wanted);
	for (uint32_t size = HEADER; size < wanted; size += 8) {
		assert_false(decode(&sample, size, live));
		for (size_t i = 0; i < pool__word_cnt(&sample.geometry); i++)
			assert_int_equal(live[i], 0);
	}
	check_decodes(&sample, wanted);
	free(sample.bytes);
}

static void check_insane(struct sample *sample)
{
	uint64_t live[POOL_WORDS_MAX];

	assert_false(decode(sample, sample->geometry.pool_size, live));
	for (size_t i = 0; i < pool__word_cnt(&sample->geometry); i++)
		assert_int_equal(live[i], 0);
	write_bytes(sample, &(uint64_t){1});
	check_decodes(sample, sample->geometry.pool_size);
}

static void test_insane_headers(void **state)
{
	uint64_t random = 13;
	struct sample sample;

	(void)state;
	make_sample(&sample, &FAKE_GEOMETRIES[2], 31, 20, 50, &random);
	header_of(&sample)->szidx = 0xffff;
	check_insane(&sample);
	header_of(&sample)->szidx = 32;
	check_insane(&sample);
	header_of(&sample)->szidx = 30;
	check_insane(&sample);
	header_of(&sample)->nextoffset += 16;
	check_insane(&sample);
	header_of(&sample)->nextoffset = 48 + 512;
	check_insane(&sample);
	header_of(&sample)->nextoffset = 16384 + 512;
	check_insane(&sample);
	header_of(&sample)->nextoffset = UINT32_MAX;
	check_insane(&sample);
	header_of(&sample)->maxnextoffset = 16384;
	check_insane(&sample);
	header_of(&sample)->count = 32;
	check_insane(&sample);
	header_of(&sample)->count = UINT32_MAX;
	check_insane(&sample);
	free(sample.bytes);
}

/*
 * However a copy is damaged, live bits are at places of carved blocks, and as many as the header
 * says.
 */
static void test_damage_never_shows_as_blocks_that_cannot_be(void **state)
{
	uint64_t random = 14, live[POOL_WORDS_MAX];
	uint32_t whole_cnt = 0, torn_cnt = 0;
	struct sample sample;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		const struct geometry *geometry = &FAKE_GEOMETRIES[i % FAKE_GEOMETRY_CNT];
		uint32_t bits = 0;
		bool whole;

		make_sample(&sample, geometry, prng__below(&random, geometry__class_cnt(geometry)),
			    2 + prng__below(&random, 40), 50, &random);
		for (int flips = 0; flips < 2; flips++) {
			uint32_t carved_end = offset_of(&sample, sample.carved);

			/* Half of them in the header. */
			if (prng__below(&random, 2))
				carved_end = HEADER;
			sample.bytes[prng__below(&random, carved_end)] ^=
				(uint8_t)(1 << prng__below(&random, 8));
		}
		whole = decode(&sample, geometry->pool_size, live);
		for (size_t w = 0; w < pool__word_cnt(geometry); w++)
			bits += (uint32_t)__builtin_popcountll(live[w]);
		whole_cnt += whole;
		torn_cnt += !whole;
		if (whole)
			assert_int_equal(bits, header_of(&sample)->count);
		if (header_of(&sample)->szidx == sample.size_class)
			for (uint32_t b = 0; b < sample.capacity; b++) {
				uint32_t unit = offset_of(&sample, b) / geometry->alignment;

				bits -= live[unit / 64] >> unit % 64 & 1;
			}
		if (header_of(&sample)->szidx == sample.size_class)
			assert_int_equal(bits, 0);
		free(sample.bytes);
	}
	/* The damage was such that both outcomes occurred. */
	assert_true(whole_cnt > 100 && torn_cnt > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_class_of_every_geometry),
		cmocka_unit_test(test_full_pool),
		cmocka_unit_test(test_pool_with_a_free_or_virgin_block_is_not_full),
		cmocka_unit_test(test_chain_that_leaves_the_blocks),
		cmocka_unit_test(test_chain_that_runs_in_a_circle),
		cmocka_unit_test(test_chain_that_disagrees_with_the_count),
		cmocka_unit_test(test_chain_that_strays_onto_a_live_block),
		cmocka_unit_test(test_copy_that_ends_too_early),
		cmocka_unit_test(test_insane_headers),
		cmocka_unit_test(test_damage_never_shows_as_blocks_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
