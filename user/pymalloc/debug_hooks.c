// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/debug_hooks.h"

#include <stddef.h>
#include <string.h>

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

/* Chooses the first live block of each pool, up to SAMPLES_MAX blocks from all arenas. */
static size_t choose_samples(const struct heap *heap, struct memory_range *ranges,
			     struct sample *samples)
{
	size_t cnt = 0;

	for (size_t i = 0; i < heap->region_cnt; i++) {
		struct span pool = {};

		while (cnt < SAMPLES_MAX && heap__next_span(heap, &heap->regions[i], &pool)) {
			uint64_t address = pool.address;

			if (!block_map__next(heap->blocks, &address, pool.address + pool.size))
				continue;
			ranges[cnt] = (struct memory_range){.address = address,
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
