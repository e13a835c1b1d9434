// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/mallocs.h"

#include <errno.h>

#include "malloc/malloc_reading.h"
#include "util/cleanup.h"

/* Adds a region that is empty so far. One that overlaps another is left out. */
static int add_region(struct heap *heap, uint64_t start, uint64_t end)
{
	int err = heap__add_region(heap, start, end - start);

	return err == -EINVAL ? 0 : err;
}

static int add_mapped(struct heap *heap, const struct mapped_chunks *mapped)
{
	int err = 0;

	for (size_t i = 0; i < mapped->cnt && !err; i++) {
		const struct mapped_chunk *chunk = &mapped->items[i];
		uint64_t end = chunk->address + chunk->size,
			 block = chunk->address + CHUNK_HEADER_BYTES;
		struct region *region;
		bool was_there;

		err = add_region(heap, chunk->address, end);
		region = heap__find_region(heap, chunk->address);
		if (err || !region)
			continue;
		region->carved_end = end;
		err = block_map__insert(heap->spans, block, &was_there);
		if (!err)
			err = block_map__insert(heap->blocks, block, &was_there);
	}
	return err;
}

static int add_regions(struct heap *heap, const struct malloc_areas *areas)
{
	int err = 0;

	for (size_t i = 0; i < areas->cnt; i++) {
		const struct malloc_heap_list *heaps = &areas->items[i].heaps;

		for (size_t j = 0; j < heaps->cnt && !err; j++)
			err = add_region(heap, heaps->items[j].start, heaps->items[j].end);
	}
	return err ? err : add_mapped(heap, &areas->mapped);
}

/* Sets where the regions of heaps end, and their chunks: that is known when they were walked. */
static void end_regions(struct heap *heap, const struct malloc_heap_list *heaps)
{
	for (size_t i = 0; i < heaps->cnt; i++) {
		const struct malloc_heap *item = &heaps->items[i];
		struct region *region = heap__find_region(heap, item->start);
		const struct region *last = &heap->regions[heap->region_cnt - 1];

		if (!region)
			continue;
		if (region == last || item->end <= region[1].address)
			region->size = item->end - item->start;
		region->carved_end = item->chunks_end;
	}
}

/* Of the chunks of each malloc. */
struct counters {
	struct chunk_counter *items[MALLOCS_MAX];
};

static void counters__release(struct counters *counters)
{
	for (size_t i = 0; i < MALLOCS_MAX; i++)
		chunk_counter__free(counters->items[i]);
}

static int read_malloc(struct mallocs *mallocs, struct heap *heap, const struct target *target,
		       size_t number, struct chunk_counter **counter)
{
	struct malloc_image *image = &mallocs->items[number].image;
	int err = chunk_counter__new(counter, target->memory->account);

	if (!err)
		err = malloc_image__read(image, heap, target->memory, &mallocs->areas, number,
					 *counter);
	if (err)
		return err;
	end_regions(heap, &mallocs->areas.items[number].heaps);
	err = malloc_trim__estimate(&mallocs->items[number].trim, image, target);
	return err ? err : top_pins__find(&mallocs->items[number].pins, image, target);
}

int mallocs__read(struct mallocs *out, struct heap *heap, const struct target *target,
		  const struct heap *other)
{
	_cleanup_(counters__release) struct counters counters = {};
	int err = malloc_areas__find(&out->areas, target, other);

	out->heap = heap;
	if (!err)
		err = add_regions(heap, &out->areas);
	for (size_t i = 0; i < out->areas.cnt && !err; i++)
		err = read_malloc(out, heap, target, out->cnt++, &counters.items[i]);
	/* Which mapped chunks are in a tcache is known when all mallocs were read. */
	for (size_t i = 0; i < out->cnt && !err; i++)
		err = chunk_counter__finish(counters.items[i], &out->items[i].sizes,
					    i ? NULL : &out->areas.mapped);
	if (!err)
		err = malloc_areas__list_ranges(&out->areas, target->memory->account);
	heap->readings += !err;
	return err;
}

void mallocs__release(struct mallocs *mallocs)
{
	for (size_t i = 0; i < mallocs->cnt; i++) {
		malloc_image__release(&mallocs->items[i].image);
		malloc_trim__release(&mallocs->items[i].trim);
		chunk_sizes__release(&mallocs->items[i].sizes);
		top_pins__release(&mallocs->items[i].pins);
	}
	malloc_areas__release(&mallocs->areas);
	*mallocs = (struct mallocs){};
}
