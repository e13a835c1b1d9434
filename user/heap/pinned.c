// SPDX-License-Identifier: BSD-2-Clause
#include "heap/pinned.h"

#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/cpu_allowance.h"

#define NS_PER_S 1e9

void pinned_history__free(struct pinned_history *history)
{
	account__free(history->items);
	*history = (struct pinned_history){};
}

void pinned__free(struct pinned *pinned)
{
	account__free(pinned->regions);
	account__free(pinned->blocks);
	account__free(pinned->what_if);
	*pinned = (struct pinned){};
}

bool pinned__is_pinned(const struct region_totals *region, double below)
{
	return region->live_blocks &&
	       (double)(region->live_bytes + region->unread_bytes) < below * (double)region->size;
}

/*
 * Updates @history: a region keeps the time at which it was first seen pinned, a new one gets
 * @now_ns.
 */
static int update_history(struct pinned_history *history, const struct heap *heap,
			  const struct heap_measure *measure, double below, uint64_t now_ns)
{
	struct pinned_since *items =
		account__calloc(heap->account, heap->region_cnt + 1, sizeof(*items));
	size_t cnt = 0, old = 0;

	if (!items)
		return -errno;
	for (size_t i = 0; i < heap->region_cnt; i++) {
		const struct region *region = &heap->regions[i];
		struct pinned_since *item = &items[cnt];

		if (!pinned__is_pinned(&measure->regions[i], below))
			continue;
		cnt++;
		*item = (struct pinned_since){.address = region->address,
					      .generation = region->generation,
					      .since_ns = now_ns};
		while (old < history->cnt && history->items[old].address < region->address)
			old++;
		if (old < history->cnt && history->items[old].address == region->address &&
		    history->items[old].generation == region->generation)
			item->since_ns = history->items[old].since_ns;
	}
	account__free(history->items);
	history->items = items;
	history->cnt = cnt;
	return 0;
}

static int list_span_blocks(struct pinned *pinned, const struct heap *heap, const struct span *span,
			    uint32_t max, uint32_t *listed)
{
	uint64_t block = span->address, end = span->address + span->size;

	if (span->size_class >= heap->layout.class_cnt)
		return 0;
	for (; *listed < max && block_map__next(heap->blocks, &block, end);
	     block += heap->layout.map.alignment) {
		int err = ACCOUNT_RESERVE(heap->account, pinned->blocks, pinned->block_capacity,
					  pinned->block_cnt + 1);

		if (err)
			return err;
		pinned->blocks[pinned->block_cnt++] =
			(struct pinned_block){.address = block, .size = span->block_size};
		(*listed)++;
	}
	return 0;
}

static int list_blocks(struct pinned *pinned, const struct heap *heap, struct pinned_region *pin,
		       uint32_t max)
{
	const struct region *region = heap__find_region(heap, pin->address);
	struct span span = {};

	pin->first_block = pinned->block_cnt;
	while (pin->block_cnt < max && heap__next_span(heap, region, &span)) {
		int err = list_span_blocks(pinned, heap, &span, max, &pin->block_cnt);

		if (err)
			return err;
	}
	return 0;
}

static int compare_pinned(const void *left, const void *right)
{
	const struct pinned_region *a = left, *b = right;

	if (a->live_blocks != b->live_blocks)
		return a->live_blocks < b->live_blocks ? -1 : 1;
	return (a->address > b->address) - (a->address < b->address);
}

static int collect_regions(struct pinned *pinned, const struct heap *heap,
			   const struct heap_measure *measure, const struct pinned_options *options,
			   const struct pinned_history *history, uint64_t now_ns)
{
	pinned->regions =
		account__calloc(heap->account, history->cnt + 1, sizeof(*pinned->regions));
	if (!pinned->regions)
		return -errno;
	for (size_t i = 0; i < heap->region_cnt; i++) {
		const struct region_totals *totals = &measure->regions[i];
		struct pinned_region *region = &pinned->regions[pinned->region_cnt];
		uint64_t resident = options->resident_bytes ? options->resident_bytes[i] : 0;
		uint64_t used = totals->live_bytes + totals->unread_bytes;

		if (!pinned__is_pinned(totals, options->below))
			continue;
		*region = (struct pinned_region){
			.address = totals->address,
			.size = totals->size,
			.live_blocks = totals->live_blocks,
			.live_bytes = totals->live_bytes,
			.unread_bytes = totals->unread_bytes,
			.occupancy = (double)totals->live_bytes / (double)totals->size,
			.resident_bytes = resident,
			.pinned_for_s =
				(double)(now_ns - history->items[pinned->region_cnt].since_ns) /
				NS_PER_S,
		};
		pinned->region_cnt++;
		pinned->bytes += totals->size;
		pinned->hostage_bytes += totals->size - used;
		if (resident > used)
			pinned->resident_hostage_bytes += resident - used;
		pinned->live_blocks += totals->live_blocks;
	}
	return account__sort(heap->account, pinned->regions, pinned->region_cnt,
			     sizeof(*pinned->regions), compare_pinned);
}

static bool has_empty_region(const struct heap *heap, const struct heap_measure *measure)
{
	for (size_t i = 0; i < heap->region_cnt; i++)
		if (!measure->regions[i].live_blocks && !measure->regions[i].unread_bytes)
			return true;
	return false;
}

/* 1, 2, 5, 10, 20, 50, ... */
static size_t next_step(size_t step)
{
	size_t leading = step;

	while (leading >= 10)
		leading /= 10;
	return leading == 2 ? step / 2 * 5 : step * 2;
}

/*
 * An allocator that keeps one empty region, and has none yet, does not release the first that
 * becomes empty.
 */
static int compute_what_if(struct pinned *pinned, const struct heap *heap,
			   const struct heap_measure *measure)
{
	bool keeps_first = heap->layout.keeps_one_empty && !has_empty_region(heap, measure);
	uint64_t blocks = 0, bytes = 0;
	size_t capacity = 0, step = 1;

	for (size_t i = 0; i < pinned->region_cnt; i++) {
		int err;

		blocks += pinned->regions[i].live_blocks;
		bytes += i || !keeps_first ? pinned->regions[i].size : 0;
		if (i + 1 != step && i + 1 != pinned->region_cnt)
			continue;
		err = ACCOUNT_RESERVE(heap->account, pinned->what_if, capacity,
				      pinned->what_if_cnt + 1);
		if (err)
			return err;
		pinned->what_if[pinned->what_if_cnt++] = (struct what_if){
			.regions = i + 1,
			.blocks = blocks,
			.bytes = bytes,
		};
		if (i + 1 == step)
			step = next_step(step);
	}
	return 0;
}

int pinned__find(struct pinned *out, const struct heap *heap, const struct heap_measure *measure,
		 const struct pinned_options *options, struct pinned_history *history,
		 uint64_t now_ns)
{
	_cleanup_(pinned__free) struct pinned pinned = {.below = options->below};
	int err;

	err = update_history(history, heap, measure, options->below, now_ns);
	if (!err)
		err = collect_regions(&pinned, heap, measure, options, history, now_ns);
	for (size_t i = 0; i < pinned.region_cnt && !err && !(err = cpu_allowance__check()); i++)
		err = list_blocks(&pinned, heap, &pinned.regions[i],
				  options->blocks_per_region_max);
	if (!err)
		err = compute_what_if(&pinned, heap, measure);
	if (err)
		return err;
	*out = pinned;
	pinned = (struct pinned){};
	return 0;
}
