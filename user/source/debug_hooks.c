// SPDX-License-Identifier: BSD-2-Clause
#include "source/debug_hooks.h"

#include <stddef.h>
#include <string.h>

#define SAMPLES_MAX 256
/*
 * How many samples must have the header. In the heap of malloc, libraries have blocks of their own,
 * without it.
 */
#define SHARE_OF_PYTHON	 2
#define SHARE_AMONG_MORE 8

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

static void add_sample(struct memory_range *ranges, struct sample *samples, size_t at,
		       uint64_t address)
{
	ranges[at] = (struct memory_range){.address = address,
					   .buffer = &samples[at],
					   .size = sizeof(samples[at])};
}

/* Chooses up to SAMPLES_MAX live blocks, evenly from all of the heap. */
static size_t choose_evenly(const struct heap *heap, struct memory_range *ranges,
			    struct sample *samples)
{
	uint64_t chunk_bytes = heap->layout.map.chunk_bytes, live = 0, step, number = 0;
	const struct block_map_chunk *chunk;
	size_t cnt = 0;

	for (size_t i = 0; (chunk = block_map__chunk_at(heap->blocks, i)); i++)
		live += block_map__count(heap->blocks, chunk->address, chunk_bytes);
	step = live / SAMPLES_MAX + 1;
	for (size_t i = 0; (chunk = block_map__chunk_at(heap->blocks, i)); i++) {
		uint64_t at = chunk->address, end = at + chunk_bytes;

		for (; block_map__next(heap->blocks, &at, end); at += heap->layout.map.alignment)
			if (number++ % step == 0)
				add_sample(ranges, samples, cnt++, at);
	}
	return cnt;
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
			add_sample(ranges, samples, cnt++, address);
		}
	}
	return cnt;
}

int debug_hooks__detect(const struct heap *heap, const struct memory *memory, bool *present)
{
	struct sample samples[SAMPLES_MAX];
	struct memory_range ranges[SAMPLES_MAX];
	bool is_only_python = !heap->spans;
	size_t cnt = is_only_python ? choose_samples(heap, ranges, samples)
				    : choose_evenly(heap, ranges, samples),
	       framed = 0;
	int err;

	err = memory__read_ranges(memory, ranges, cnt);
	if (err)
		return err;
	for (size_t i = 0; i < cnt; i++)
		framed += !ranges[i].failed && sample_is_framed(&samples[i]);
	*present = framed * (is_only_python ? SHARE_OF_PYTHON : SHARE_AMONG_MORE) > cnt;
	return 0;
}

int debug_hooks__settle(struct target_heap *target_heap, const struct heap *heap)
{
	const struct allocator *allocator = target_heap->allocator;
	int err = debug_hooks__detect(heap, target_heap->context.target->memory,
				      &target_heap->has_debug_hooks);

	if (!err)
		target_heap->name =
			target_heap->has_debug_hooks ? allocator->debug_name : allocator->name;
	return err;
}
