// SPDX-License-Identifier: BSD-2-Clause
#include "heap/block_gaps.h"

static uint64_t word_bytes(const struct block_gaps *gaps)
{
	return 64UL << gaps->shift;
}

struct block_gaps block_gaps__in(const struct block_map *map, uint64_t start, uint64_t end)
{
	struct block_gaps gaps = {
		.map = map,
		.shift = (uint32_t)__builtin_ctz(block_map__alignment(map)),
		.start = start,
		.end = end,
		.from = start,
	};

	gaps.next = start & ~(word_bytes(&gaps) - 1);
	return gaps;
}

static void enter_chunk(struct block_gaps *gaps)
{
	uint64_t bytes = block_map__chunk_bytes(gaps->map);
	const struct block_map_chunk *chunk = block_map__chunk(gaps->map, gaps->next);

	gaps->chunk = gaps->next & ~(bytes - 1);
	gaps->chunk_end = gaps->chunk + bytes;
	gaps->bits = chunk ? chunk->bits : NULL;
}

/* Clears the bits of the word at @address that are not of [start, end). */
static void cut_word(struct block_gaps *gaps, uint64_t address)
{
	if (address < gaps->start)
		gaps->word &= ~0UL << ((gaps->start - address) >> gaps->shift);
	if (gaps->end - address < word_bytes(gaps))
		gaps->word &= (1UL << ((gaps->end - address) >> gaps->shift)) - 1;
}

/* Takes the next word of the chunk that is not 0, or passes all of it. */
static void take_word(struct block_gaps *gaps)
{
	const uint64_t *bits = gaps->bits;
	size_t cnt = (gaps->chunk_end - gaps->chunk) >> gaps->shift >> 6,
	       i = bits ? (gaps->next - gaps->chunk) >> gaps->shift >> 6 : cnt;

	while (i < cnt && !bits[i])
		i++;
	gaps->next = gaps->chunk + i * word_bytes(gaps);
	if (i == cnt || gaps->next >= gaps->end)
		return;
	gaps->word = bits[i];
	cut_word(gaps, gaps->next);
	gaps->next += word_bytes(gaps);
}

/* Goes on to the next word that is not 0. Returns false if there is none. */
static bool next_word(struct block_gaps *gaps)
{
	while (!gaps->word && gaps->next < gaps->end) {
		if (gaps->next >= gaps->chunk_end)
			enter_chunk(gaps);
		take_word(gaps);
	}
	return gaps->word;
}

/* Goes on to the last of the words that follow in the chunk without one of 0 between them. */
static void skip_words(struct block_gaps *gaps)
{
	uint64_t end = gaps->end < gaps->chunk_end ? gaps->end : gaps->chunk_end;
	size_t i = (gaps->next - gaps->chunk) >> gaps->shift >> 6,
	       cnt = (end - gaps->chunk) >> gaps->shift >> 6;

	if (i >= cnt || !gaps->bits[i])
		return;
	while (i < cnt && gaps->bits[i])
		i++;
	gaps->word = gaps->bits[i - 1];
	gaps->next = gaps->chunk + i * word_bytes(gaps);
}

/*
 * Passes the first block of the word, and all others up to which there is no gap of more than
 * @bytes. Returns the address of the first one.
 */
static uint64_t pass(struct block_gaps *gaps, uint64_t bytes)
{
	uint64_t first = gaps->next - word_bytes(gaps) +
			 ((uint64_t)__builtin_ctzll(gaps->word) << gaps->shift);

	gaps->has_from = true;
	if (bytes < word_bytes(gaps)) {
		gaps->from = first;
		gaps->word &= gaps->word - 1;
		return first;
	}
	if (bytes >= 2 * word_bytes(gaps))
		skip_words(gaps);
	gaps->from = gaps->next - ((uint64_t)(__builtin_clzll(gaps->word) + 1) << gaps->shift);
	gaps->word = 0;
	return first;
}

bool block_gaps__next(struct block_gaps *gaps, uint64_t bytes, struct block_gap *out)
{
	uint64_t from = gaps->from;

	while (next_word(gaps)) {
		bool has_from = gaps->has_from;
		uint64_t to = pass(gaps, bytes);

		if (to - from > bytes) {
			*out = (struct block_gap){.from = has_from ? from : 0, .to = to};
			return true;
		}
		from = gaps->from;
	}
	if (gaps->from >= gaps->end || gaps->end - gaps->from <= bytes)
		return false;
	*out = (struct block_gap){.from = gaps->has_from ? gaps->from : 0};
	gaps->from = gaps->end;
	return true;
}
