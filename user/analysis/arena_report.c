// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/arena_report.h"

#include <errno.h>
#include <stdlib.h>

#include "util/account.h"
#include "util/cleanup.h"

void arena_report__release(struct arena_report *report)
{
	pin_holders__release(&report->holders);
	pinned__free(&report->pinned);
}

static int add_span(struct pinned *pinned, const struct census *census,
		    const struct block_span *span)
{
	const struct block_table *blocks = &census->blocks;

	for (uint32_t i = 0; i < span->block_cnt; i++) {
		int err;

		if (block_kind__role(blocks->words[span->first_place + i]) == BLOCK_FREE)
			continue;
		err = ACCOUNT_RESERVE(census->heap->account, pinned->blocks, pinned->block_capacity,
				      pinned->block_cnt + 1);
		if (err)
			return err;
		pinned->blocks[pinned->block_cnt++] = (struct pinned_block){
			.address =
				span->address + span->first_block + (uint64_t)i * span->block_size,
			.size = span->block_size,
		};
	}
	return 0;
}

static int find_blocks(struct pinned *pinned, const struct census *census,
		       const struct region *arena)
{
	const struct block_table *blocks = &census->blocks;
	uint64_t end = region__end(arena);
	int err = 0;

	for (size_t i = block_table__first_span(blocks, arena->address);
	     i < blocks->span_cnt && blocks->spans[i].address < end && !err; i++)
		err = add_span(pinned, census, &blocks->spans[i]);
	return err;
}

static int describe_arena(struct pinned *pinned, const struct census *census,
			  const struct region *arena)
{
	uint64_t live_bytes = 0;

	for (size_t i = 0; i < pinned->block_cnt; i++)
		live_bytes += pinned->blocks[i].size;
	pinned->regions = account__calloc(census->heap->account, 1, sizeof(*pinned->regions));
	if (!pinned->regions)
		return -errno;
	pinned->region_cnt = 1;
	pinned->regions[0] = (struct pinned_region){
		.address = arena->address,
		.size = arena->size,
		.live_blocks = (uint32_t)pinned->block_cnt,
		.live_bytes = live_bytes,
		.occupancy = (double)live_bytes / (double)arena->size,
		.block_cnt = (uint32_t)pinned->block_cnt,
	};
	pinned->live_blocks = pinned->block_cnt;
	pinned->bytes = arena->size;
	pinned->hostage_bytes = arena->size - live_bytes;
	return 0;
}

int arena_report__find(struct arena_report *out, const struct graph *graph,
		       const struct roots *roots, struct retention *retention, uint64_t address,
		       const struct pin_holders_options *options)
{
	_cleanup_(arena_report__release) struct arena_report report = {};
	const struct census *census = graph->census;
	const struct region *arena = heap__region_around(census->heap, address);
	int err;

	if (!arena)
		return -ENOENT;
	err = find_blocks(&report.pinned, census, arena);
	if (!err && !report.pinned.block_cnt)
		return -ENOENT;
	if (!err)
		err = describe_arena(&report.pinned, census, arena);
	if (!err)
		err = pin_holders__find(&report.holders, &report.pinned, graph, roots, retention,
					options);
	if (err)
		return err;
	*out = report;
	report = (struct arena_report){};
	return 0;
}
