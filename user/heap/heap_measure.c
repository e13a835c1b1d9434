// SPDX-License-Identifier: BSD-2-Clause
/* Totals of a heap: heap__measure(), declared in heap.h. */
#include <errno.h>
#include <stdlib.h>

#include "heap/heap.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

/* Number of live blocks in a span of known class at addresses where no block can be. */
static uint32_t count_strays(const struct heap *heap, const struct span *span)
{
	const uint64_t *words = block_map__span_bits(heap->blocks, span->address);
	const uint64_t *places = block_places__of_class(heap->places, span->size_class);
	uint32_t bits = 0;

	for (size_t i = 0; i < heap->places->word_cnt; i++)
		bits += (uint32_t)__builtin_popcountll(words[i] & ~places[i]);
	return bits;
}

static void add_blocks(struct heap_measure *measure, struct region_totals *region,
		       const struct span *span, uint32_t live)
{
	struct size_class_totals *class = &measure->classes[span->size_class];
	struct heap_totals *totals = &measure->totals;

	class->spans++;
	class->live_blocks += live;
	class->free_blocks += span->block_cnt - live;
	totals->live_blocks += live;
	totals->live_bytes += live * span->block_size;
	totals->free_block_bytes += (span->block_cnt - live) * span->block_size;
	totals->overhead_bytes += span->size - span->block_cnt * span->block_size;
	region->live_blocks += live;
	region->live_bytes += live * span->block_size;
}

static void measure_span(const struct heap *heap, const struct span *span,
			 struct heap_measure *measure, struct region_totals *region)
{
	uint64_t stamp = block_map__stamp(heap->blocks, span->address);
	uint32_t live = stamp ? block_map_stamp__live_cnt(stamp)
			      : block_map__count(heap->blocks, span->address, span->size);
	uint32_t strays;

	if (block_map__class(heap->blocks, span->address) == CLASS_UNREAD) {
		measure->totals.unread_spans++;
		measure->totals.unread_bytes += span->size;
		region->unread_bytes += span->size;
		return;
	}
	if (!live) {
		measure->totals.free_span_bytes += span->size;
		return;
	}
	if (span->size_class >= measure->class_cnt) {
		measure->totals.unclassified_spans++;
		measure->totals.overhead_bytes += span->size;
		return;
	}
	/* A span with a stamp was read as a whole and was consistent. */
	strays = stamp ? 0 : count_strays(heap, span);
	measure->totals.stray_blocks += strays;
	add_blocks(measure, region, span, live - strays);
}

static void measure_region(const struct heap *heap, const struct region *region,
			   struct heap_measure *measure, struct region_totals *totals)
{
	uint64_t first = heap_layout__first_span(&heap->layout, region);
	uint64_t end = heap_layout__spans_end(&heap->layout, region);
	struct span span = {};

	totals->address = region->address;
	totals->size = region->size;
	measure->totals.regions++;
	measure->totals.region_bytes += region->size;
	measure->totals.overhead_bytes += region->size - (end - first);
	while (heap__next_span(heap, region, &span))
		measure_span(heap, &span, measure, totals);
}

int heap__measure(const struct heap *heap, struct heap_measure *out)
{
	_cleanup_(heap_measure__free) struct heap_measure measure = {};
	int err = 0;

	measure.class_cnt = heap->layout.class_cnt;
	for (uint32_t i = 0; i < measure.class_cnt; i++)
		measure.classes[i].block_size = heap_layout__block_size(&heap->layout, (uint8_t)i);
	measure.regions =
		account__calloc(heap->account, heap->region_cnt + 1, sizeof(*measure.regions));
	if (!measure.regions)
		return -errno;
	for (size_t i = 0; i < heap->region_cnt && !(err = cpu_allowance__check()); i++)
		measure_region(heap, &heap->regions[i], &measure, &measure.regions[i]);
	if (err)
		return err;
	*out = measure;
	measure.regions = NULL;
	return 0;
}

void heap_measure__free(struct heap_measure *measure)
{
	account__free(measure->regions);
	*measure = (struct heap_measure){};
}

double heap_totals__fragmentation(const struct heap_totals *totals)
{
	uint64_t read_bytes = totals->region_bytes - totals->unread_bytes;

	return read_bytes ? 1.0 - (double)totals->live_bytes / (double)read_bytes : 0.0;
}
