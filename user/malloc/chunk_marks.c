// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/chunk_marks.h"

#define WORD_BYTES (64 * CHUNK_ALIGNMENT) /* of a heap: there is a bit for each possible block */

/* The bits of a chunk of both maps, which begins at @start. */
struct place {
	uint64_t start, size; /* address; bytes */
	uint64_t *all, *live;
};

static int find_place(struct place *out, struct block_map *all, struct block_map *live,
		      uint64_t block)
{
	struct block_map_chunk *of_all, *of_live;
	int err = block_map__get_chunk(all, block, &of_all);

	if (!err)
		err = block_map__get_chunk(live, block, &of_live);
	if (err)
		return err;
	*out = (struct place){
		.start = of_all->address,
		.size = block_map__chunk_bytes(all),
		.all = of_all->bits,
		.live = of_live->bits,
	};
	return 0;
}

/*
 * Enters the chunks whose blocks are in the same word of the maps, from number *at on, the block of
 * which is at *offset in the place, and moves both on. The loop has few instructions, no call, and
 * no access to the maps: it is for each chunk.
 */
static void mark_word(const struct place *place, const struct chunk_batch *batch, size_t *at,
		      uint64_t *offset)
{
	uint64_t number = *offset / WORD_BYTES, end = (number + 1) * WORD_BYTES, all = 0, live = 0,
		 next = *offset;
	size_t i = *at;

	do {
		uint64_t word = batch->words[i++], bit = 1UL << next / CHUNK_ALIGNMENT % 64;

		all |= bit;
		live |= chunk_word__is_free(word) ? 0 : bit;
		next += chunk_word__size(word);
	} while (i < batch->cnt && next < end);
	place->all[number] |= all;
	place->live[number] |= live;
	*at = i;
	*offset = next;
}

int chunk_marks__set(struct block_map *all, struct block_map *live, const struct chunk_batch *batch)
{
	uint64_t block = batch->start + CHUNK_HEADER_BYTES;
	size_t at = 0;

	while (at < batch->cnt) {
		struct place place;
		int err = find_place(&place, all, live, block);
		uint64_t offset;

		if (err)
			return err;
		offset = block - place.start;
		while (at < batch->cnt && offset < place.size)
			mark_word(&place, batch, &at, &offset);
		block = place.start + offset;
	}
	return 0;
}
