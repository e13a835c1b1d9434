// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/mimalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "malloc/touched_runs.h"
#include "other_mallocs/mimalloc_segment.h"
#include "other_mallocs/target_areas.h"
#include "other_mallocs/touched_words.h"
#include "util/cleanup.h"

/* A hostile target may have any number of large mappings: so many places are looked at, 2 TiB. */
#define PLACES_MAX (64UL << 10)

struct reading {
	const struct target *target;
	struct other_malloc *out;
	struct mimalloc_cookies *known;
	struct mimalloc_head head; /* that was read last */
	struct mimalloc_segment first;
	bool has_first;
	/* Of each layout of entries: pages with allocations, and segments that cannot have it. */
	size_t fits[MIMALLOC_ENTRY_LAYOUTS], misfits[MIMALLOC_ENTRY_LAYOUTS];
	size_t entry_layout; /* MIMALLOC_ENTRY_LAYOUTS: none fits */
	size_t places;
	int (*take)(struct reading *reading, const struct mimalloc_segment *segment,
		    uint64_t address);
};

/* Compares a segment with one layout of entries. */
static void compare(struct reading *reading, const struct mimalloc_segment *segment,
		    size_t entry_layout)
{
	struct mimalloc_page page;
	size_t cnt = 0;

	for (uint64_t slice = segment->info_slices;
	     mimalloc_segment__page(&page, segment, &reading->head, slice); slice += page.slices) {
		struct mimalloc_blocks blocks;

		if (!mimalloc_page__decode(&blocks, &page, entry_layout)) {
			reading->misfits[entry_layout]++;
			return;
		}
		cnt += blocks.block_bytes && blocks.used;
	}
	reading->fits[entry_layout] += cnt;
}

static int compare_segment(struct reading *reading, const struct mimalloc_segment *segment,
			   uint64_t address)
{
	(void)address;
	for (size_t i = 0; i < MIMALLOC_ENTRY_LAYOUTS; i++)
		compare(reading, segment, i);
	return 0;
}

/* A segment that changes while it is read may fit neither layout. */
static void choose_entry_layout(struct reading *reading)
{
	size_t best = 0;

	for (size_t i = 1; i < MIMALLOC_ENTRY_LAYOUTS; i++)
		if (reading->misfits[i] < reading->misfits[best] ||
		    (reading->misfits[i] == reading->misfits[best] &&
		     reading->fits[i] > reading->fits[best]))
			best = i;
	reading->entry_layout = reading->fits[best] ? best : MIMALLOC_ENTRY_LAYOUTS;
	reading->out->knows_in_use = reading->fits[best];
}

static enum other_state take_page(struct reading *reading, const struct mimalloc_page *page)
{
	struct mimalloc_blocks blocks;

	if (reading->entry_layout == MIMALLOC_ENTRY_LAYOUTS)
		return OTHER_UNDIVIDED;
	if (!mimalloc_page__decode(&blocks, page, reading->entry_layout)) {
		reading->out->skipped++;
		return OTHER_UNDIVIDED;
	}
	if (!blocks.block_bytes || !blocks.used)
		return OTHER_UNUSED;
	reading->out->in_use_cnt += blocks.used;
	reading->out->in_use_bytes += blocks.used * blocks.block_bytes;
	return OTHER_ACTIVE;
}

static int take_segment(struct reading *reading, const struct mimalloc_segment *segment,
			uint64_t address)
{
	struct account *account = reading->target->memory->account;
	struct mimalloc_page page;
	int err = other_malloc__add_range(reading->out, account, address,
					  address + segment->info_slices * MIMALLOC_SLICE_BYTES,
					  OTHER_METADATA);

	for (uint64_t slice = segment->info_slices;
	     !err && mimalloc_segment__page(&page, segment, &reading->head, slice);
	     slice += page.slices) {
		uint64_t start = address + slice * MIMALLOC_SLICE_BYTES;

		err = other_malloc__add_range(reading->out, account, start,
					      start + page.slices * MIMALLOC_SLICE_BYTES,
					      take_page(reading, &page));
	}
	return err;
}

static bool is_known(const struct mimalloc_cookies *known, uint64_t cookie)
{
	for (size_t i = 0; i < known->cnt; i++)
		if (known->items[i] == cookie)
			return true;
	return false;
}

/* Looks at a place where a segment may be. */
static int look_at_place(struct reading *reading, uint64_t address)
{
	struct mimalloc_segment segment;
	int err = memory__read(reading->target->memory, address, &reading->head,
			       sizeof(reading->head));

	if (err)
		return err == -EFAULT ? 0 : err;
	if (!mimalloc_segment__decode(&segment, &reading->head, address,
				      reading->has_first ? &reading->first.layout : NULL))
		return 0;
	if (!reading->has_first && is_known(reading->known, segment.cookie))
		return 0;
	/* The first segment decides on the layout of headers, and on the cookie. */
	if (!reading->has_first)
		reading->first = segment;
	reading->has_first = true;
	return segment.cookie == reading->first.cookie ? reading->take(reading, &segment, address)
						       : 0;
}

/* The first place in a mapping; 0: there is none. */
static uint64_t first_place(const struct mapping *mapping)
{
	uint64_t at = (mapping->start + MIMALLOC_SEGMENT_ALIGNMENT - 1) &
		      ~(MIMALLOC_SEGMENT_ALIGNMENT - 1);

	return at >= mapping->start && at < mapping->end &&
			       mapping->end - at >= MIMALLOC_SLICE_BYTES
		       ? at
		       : 0;
}

static int look_at_mapping(struct reading *reading, const struct mapping *mapping)
{
	_cleanup_(touched_runs__release) struct touched_runs runs = {};
	uint64_t at = first_place(mapping);
	int err = at ? touched_runs__add(&runs, reading->target->memory, at, mapping->end) : 0;

	for (; at && at < mapping->end && mapping->end - at >= MIMALLOC_SLICE_BYTES && !err &&
	       reading->places < PLACES_MAX;
	     at += MIMALLOC_SEGMENT_ALIGNMENT, reading->places++)
		if (touched_runs__find(&runs, at))
			err = look_at_place(reading, at);
	return err;
}

static int look_everywhere(struct reading *reading)
{
	const struct target *target = reading->target;
	int err = 0;

	reading->places = 0;
	for (size_t i = 0; i < target->map_cnt && !err; i++) {
		const struct mapping *mapping = &target->maps[i];

		/* Segments are mapped: mimalloc never moves the break. */
		if (strcmp(mapping->path, "[heap]") != 0 &&
		    target_areas__are_anonymous(target, mapping->start, 1))
			err = look_at_mapping(reading, mapping);
	}
	return err;
}

struct cookie_search {
	uint64_t cookie;
};

static int look_for_cookie(uint64_t address, const uint64_t *words, size_t cnt, void *context)
{
	const struct cookie_search *search = context;

	(void)address;
	for (size_t i = 0; i < cnt; i++)
		if (words[i] == search->cookie)
			return 1;
	return 0;
}

/* The file in whose static data the cookie is. */
static int find_file(const struct mapping **file, const struct target *target, uint64_t cookie)
{
	struct cookie_search search = {.cookie = cookie};
	struct static_area area;
	int err = 0;

	*file = NULL;
	for (size_t i = 0; !err && static_area__find(&area, target, i); i = area.next) {
		err = touched_words__visit(target->memory, area.start, area.end, look_for_cookie,
					   &search);
		if (err > 0)
			*file = area.file;
	}
	return err < 0 ? err : 0;
}

int mimalloc__read(struct other_malloc *out, const struct target *target,
		   struct mimalloc_cookies *known, const struct mapping **file)
{
	_cleanup_free_ struct reading *reading = calloc(1, sizeof(*reading));
	int err;

	*file = NULL;
	out->kind = OTHER_MIMALLOC;
	if (!reading)
		return -ENOMEM;
	reading->target = target;
	reading->out = out;
	reading->known = known;
	reading->take = compare_segment;
	err = look_everywhere(reading);
	if (err || !reading->has_first)
		return err;
	known->items[known->cnt++] = reading->first.cookie;
	choose_entry_layout(reading);
	reading->take = take_segment;
	err = look_everywhere(reading);
	if (!err)
		err = find_file(file, target, reading->first.cookie);
	return err ? err : other_malloc__sort_ranges(out, target->memory->account);
}
