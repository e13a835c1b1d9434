// SPDX-License-Identifier: BSD-2-Clause
#include "heap/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/partition_point.h"

int heap__new(struct heap **out, const struct heap_layout *layout, struct account *account)
{
	_cleanup_(heap__freep) struct heap *heap = NULL;
	int err;

	heap = account__calloc(account, 1, sizeof(*heap));
	if (!heap)
		return -errno;
	heap->account = account;
	heap->layout = *layout;
	err = block_map__new(&heap->blocks, &layout->map, account);
	if (!err && !layout->span_size)
		err = block_map__new(&heap->spans, &layout->map, account);
	if (!err)
		err = block_places__new(&heap->places, layout);
	if (err)
		return err;
	*out = TAKE_PTR(heap);
	return 0;
}

void heap__free(struct heap *heap)
{
	if (!heap)
		return;
	block_map__free(heap->blocks);
	block_map__free(heap->spans);
	free(heap->places);
	account__free(heap->regions);
	account__free(heap);
}

void heap__freep(struct heap **heap)
{
	heap__free(*heap);
}

/* Number of regions that begin at or before @address. */
static size_t count_regions_to(const struct heap *heap, uint64_t address)
{
	return PARTITION_POINT(region, heap->regions, heap->region_cnt, region->address <= address);
}

struct region *heap__find_region(const struct heap *heap, uint64_t address)
{
	size_t cnt = count_regions_to(heap, address);

	return cnt && heap->regions[cnt - 1].address == address ? &heap->regions[cnt - 1] : NULL;
}

struct region *heap__region_around(const struct heap *heap, uint64_t address)
{
	size_t cnt = count_regions_to(heap, address);

	return cnt && address - heap->regions[cnt - 1].address < heap->regions[cnt - 1].size
		       ? &heap->regions[cnt - 1]
		       : NULL;
}

void heap__forget_blocks(struct heap *heap, const struct region *region)
{
	uint64_t first = heap_layout__first_span(&heap->layout, region);

	block_map__remove_range(heap->blocks, first,
				heap_layout__spans_end(&heap->layout, region) - first);
}

void heap__forget_stamps(struct heap *heap, const struct region *region)
{
	uint64_t first = heap_layout__first_span(&heap->layout, region);

	block_map__forget_stamps(heap->blocks, first,
				 heap_layout__spans_end(&heap->layout, region) - first);
}

static bool overlaps(const struct heap *heap, size_t index, const struct region *region)
{
	const struct region *regions = heap->regions;

	return (index && region->address - regions[index - 1].address < regions[index - 1].size) ||
	       (index < heap->region_cnt &&
		regions[index].address - region->address < region->size);
}

int heap__add_region(struct heap *heap, uint64_t address, uint64_t size)
{
	struct region region = {.address = address, .size = size};
	size_t at = count_regions_to(heap, address);
	struct region *same = heap__find_region(heap, address);
	int err;

	region.carved_end = heap_layout__first_span(&heap->layout, &region);
	if (same) {
		heap__forget_blocks(heap, &region);
		same->carved_end = region.carved_end;
		return 0;
	}
	if (overlaps(heap, at, &region))
		return -EINVAL; /* the blocks belong to the other region */
	err = ACCOUNT_RESERVE(heap->account, heap->regions, heap->region_capacity,
			      heap->region_cnt + 1);
	if (err)
		return err;
	heap__forget_blocks(heap, &region);
	memmove(&heap->regions[at + 1], &heap->regions[at],
		(heap->region_cnt - at) * sizeof(*heap->regions));
	heap->regions[at] = region;
	heap->region_cnt++;
	return 0;
}

int heap__remove_region(struct heap *heap, uint64_t address)
{
	struct region *region = heap__find_region(heap, address);
	size_t at;

	if (!region)
		return -ENOENT;
	heap__forget_blocks(heap, region);
	at = (size_t)(region - heap->regions);
	memmove(region, region + 1, (heap->region_cnt - at - 1) * sizeof(*region));
	heap->region_cnt--;
	return 0;
}

static bool keep_none(uint64_t chunk_address, const void *context)
{
	(void)chunk_address;
	(void)context;
	return false;
}

void heap__clear(struct heap *heap)
{
	heap->region_cnt = 0;
	block_map__drop_chunks(heap->blocks, keep_none, NULL);
	if (heap->spans)
		block_map__drop_chunks(heap->spans, keep_none, NULL);
}

bool heap__next_span(const struct heap *heap, const struct region *region, struct span *span)
{
	uint64_t at = span->size ? span->address + span->size
				 : heap_layout__first_span(&heap->layout, region);

	if (at >= heap_layout__spans_end(&heap->layout, region))
		return false;
	heap__span_at(heap, at, span);
	return true;
}
