// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/debug_hooks.h"

#include <stddef.h>
#include <string.h>

#include "pymalloc/pool.h"

#define SAMPLES_MAX 256

struct sample {
	uint64_t size;
	uint8_t api;
	uint8_t forbidden[7];
};

static bool sample_is_framed(const struct sample *sample)
{
	uint8_t byte = sample->forbidden[0];

	if ((sample->api != 'r' && sample->api != 'm' && sample->api != 'o') ||
	    (byte != 0xfd && byte != 0xfb))
		return false;
	for (size_t i = 1; i < sizeof(sample->forbidden); i++)
		if (sample->forbidden[i] != byte)
			return false;
	return true;
}

/* The first live block of each pool, over as many arenas as it takes. */
static size_t choose_samples(const struct heap *heap, struct memory_range *ranges,
			     struct sample *samples)
{
	const struct geometry *geometry = &heap->geometry;
	size_t cnt = 0;

	for (size_t i = 0; i < heap->arena_cnt; i++) {
		uint64_t pool = geometry__first_pool(geometry, heap->arenas[i].address);
		uint32_t pools = geometry__arena_pools(geometry, heap->arenas[i].address);

		for (uint32_t p = 0; p < pools; p++, pool += geometry->pool_size) {
			const uint64_t *bits = block_map__pool_bits(heap->blocks, pool);
			size_t word = 0;

			if (cnt == SAMPLES_MAX)
				return cnt;
			while (bits && word < pool__word_cnt(geometry) && !bits[word])
				word++;
			if (!bits || word == pool__word_cnt(geometry))
				continue;
			ranges[cnt] = (struct memory_range){
				.address =
					pool + (word * 64 + (uint64_t)__builtin_ctzll(bits[word])) *
						       geometry->alignment,
				.buffer = &samples[cnt],
				.size = sizeof(samples[cnt])};
			cnt++;
		}
	}
	return cnt;
}

int debug_hooks__detect(const struct heap *heap, const struct memory *memory, bool *present)
{
	struct sample samples[SAMPLES_MAX];
	struct memory_range ranges[SAMPLES_MAX];
	size_t cnt = choose_samples(heap, ranges, samples), framed = 0;
	int err;

	err = memory__read_ranges(memory, ranges, cnt);
	if (err)
		return err;
	for (size_t i = 0; i < cnt; i++)
		framed += !ranges[i].failed && sample_is_framed(&samples[i]);
	*present = framed * 2 > cnt;
	return 0;
}
