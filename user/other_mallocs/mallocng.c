// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/mallocng.h"

#include <errno.h>
#include <stdbool.h>

#include "other_mallocs/mallocng_layout.h"
#include "other_mallocs/target_areas.h"
#include "other_mallocs/touched_words.h"
#include "util/account.h"
#include "util/checked.h"
#include "util/cleanup.h"

/* A hostile target may have any number of pointers to pages. */
#define CANDIDATES_MAX 4096
/* Six million groups. A list of areas that is longer, or leads in a circle, is cut off. */
#define AREAS_MAX (64UL << 10)

/*
 * Where a context refers to its first area. The size of a page is a member, after the secret, only
 * where it is no constant, as on arm64; then all else is a word further on.
 */
#define FIRST_AREA 56

/* The first words of a context: the secret, the size of a page if it is there, and this. */
static bool is_initialized(uint64_t word)
{
	return (uint32_t)word == 1; /* the upper half is a counter */
}

struct search {
	const struct target *target;
	struct mallocng_contexts *out;
	struct static_area area;
	size_t candidates;
};

static void add_context(struct search *search, uint64_t secret, uint64_t first_area)
{
	struct mallocng_contexts *out = search->out;

	for (size_t i = 0; i < out->cnt; i++)
		if (out->items[i].first_area == first_area)
			return;
	if (out->cnt < MALLOCNG_CONTEXTS_MAX)
		out->items[out->cnt++] = (struct mallocng_context){.secret = secret,
								   .first_area = first_area,
								   .file = search->area.file};
}

static uint64_t address_of_meta(uint64_t area, size_t number)
{
	return area + offsetof(struct mallocng_area, metas) + number * sizeof(struct mallocng_meta);
}

/* Reads the first words of the groups of an area; that of a free meta counts as unreadable. */
static int read_headers(const struct memory *memory, const struct mallocng_area *area,
			uint64_t *headers, struct memory_range *ranges)
{
	for (size_t i = 0; i < MALLOCNG_AREA_METAS; i++)
		ranges[i] = (struct memory_range){.address = area->metas[i].group,
						  .buffer = &headers[i],
						  .size = sizeof(headers[i])};
	return memory__read_ranges(memory, ranges, MALLOCNG_AREA_METAS);
}

/* Whether most of the groups of the area at @address refer back to it, and at least one. */
static int prove_area(const struct memory *memory, uint64_t address,
		      const struct mallocng_area *area, bool *is_proved)
{
	uint64_t headers[MALLOCNG_AREA_METAS];
	struct memory_range ranges[MALLOCNG_AREA_METAS];
	size_t groups = 0, right = 0;
	int err = read_headers(memory, area, headers, ranges);

	for (size_t i = 0; i < MALLOCNG_AREA_METAS && !err; i++) {
		groups += area->metas[i].group != 0;
		right += !ranges[i].failed && headers[i] == address_of_meta(address, i);
	}
	*is_proved = right && right > groups / 2;
	return err;
}

/* Looks whether @page, a pointer at @address, is the one of a context to its first area. */
static int check_candidate(struct search *search, uint64_t address, uint64_t page)
{
	const struct memory *memory = search->target->memory;

	for (size_t with_page_size = 0; with_page_size < 2; with_page_size++) {
		uint64_t at = address - FIRST_AREA - 8 * with_page_size, context[3];
		struct mallocng_area area;
		struct memory_range ranges[] = {
			{.address = at, .buffer = context, .size = sizeof(context)},
			{.address = page, .buffer = &area, .size = sizeof(area)},
		};
		bool is_proved = false;
		int err = at < search->area.start ? 0 : memory__read_ranges(memory, ranges, 2);

		if (err)
			return err;
		if (at < search->area.start || ranges[0].failed || ranges[1].failed ||
		    !context[0] || context[0] != area.secret ||
		    !is_initialized(context[1 + with_page_size]) ||
		    area.meta_cnt != MALLOCNG_AREA_METAS)
			continue;
		err = prove_area(memory, page, &area, &is_proved);
		if (err)
			return err;
		if (is_proved)
			add_context(search, context[0], page);
	}
	return 0;
}

static int look_for_areas(uint64_t address, const uint64_t *words, size_t cnt, void *context)
{
	struct search *search = context;

	for (size_t i = 0; i < cnt; i++) {
		int err;

		if (!words[i] || words[i] % MALLOCNG_AREA_BYTES ||
		    !target_areas__are_anonymous(search->target, words[i], MALLOCNG_AREA_BYTES))
			continue;
		if (search->candidates++ == CANDIDATES_MAX)
			return -ECANCELED;
		err = check_candidate(search, address + i * 8, words[i]);
		if (err)
			return err;
	}
	return 0;
}

int mallocng_contexts__find(struct mallocng_contexts *out, const struct target *target)
{
	struct search search = {.target = target, .out = out};
	int err = 0;

	*out = (struct mallocng_contexts){};
	for (size_t i = 0; !err && static_area__find(&search.area, target, i);
	     i = search.area.next) {
		search.candidates = 0;
		err = touched_words__visit(target->memory, search.area.start, search.area.end,
					   look_for_areas, &search);
		if (err == -ECANCELED)
			err = 0;
	}
	return err;
}

/* While the memory of one mallocng is read. */
struct reading {
	const struct target *target;
	struct other_malloc *out;
	uint64_t area; /* address of the one that is read */
	/* Slots that hold a group, which are no allocations. */
	uint64_t nested_cnt, nested_bytes;
};

static int take_group(struct reading *reading, const struct mallocng_meta *meta)
{
	struct other_malloc *out = reading->out;
	struct mallocng_group group;

	if (!mallocng_group__decode(&group, meta)) {
		out->skipped++;
		return 0;
	}
	out->in_use_cnt += group.in_use;
	out->in_use_bytes += group.in_use * group.slot_bytes;
	if (group.mapping_bytes)
		return other_malloc__add_range(out, reading->target->memory->account, meta->group,
					       meta->group + group.mapping_bytes,
					       group.in_use ? OTHER_ACTIVE : OTHER_UNUSED);
	if (group.is_freeable) {
		reading->nested_cnt++;
		reading->nested_bytes += mallocng_group__outer_slot_bytes(&group);
	}
	return 0;
}

static int take_area(struct reading *reading, const struct mallocng_area *area)
{
	uint64_t headers[MALLOCNG_AREA_METAS];
	struct memory_range ranges[MALLOCNG_AREA_METAS];
	int err = read_headers(reading->target->memory, area, headers, ranges);

	for (size_t i = 0; i < MALLOCNG_AREA_METAS && !err; i++) {
		if (!area->metas[i].group)
			continue;
		if (ranges[i].failed || headers[i] != address_of_meta(reading->area, i))
			reading->out->skipped++;
		else
			err = take_group(reading, &area->metas[i]);
	}
	return err;
}

int mallocng__read(struct other_malloc *out, const struct target *target,
		   const struct mallocng_context *context)
{
	struct account *account = target->memory->account;
	struct reading reading = {.target = target, .out = out, .area = context->first_area};
	struct mallocng_area area;
	size_t cnt = 0;
	int err = 0;

	out->kind = OTHER_MALLOCNG;
	out->knows_in_use = true;
	for (; reading.area && !err; reading.area = area.next) {
		err = memory__read(target->memory, reading.area, &area, sizeof(area));
		if (err == -EFAULT || (!err && area.secret != context->secret) ||
		    cnt++ == AREAS_MAX) {
			out->skipped++;
			err = 0;
			break;
		}
		if (!err)
			err = other_malloc__add_range(out, account, reading.area,
						      reading.area + MALLOCNG_AREA_BYTES,
						      OTHER_METADATA);
		if (!err)
			err = take_area(&reading, &area);
	}
	if (!checked_sub(out->in_use_cnt, reading.nested_cnt, &out->in_use_cnt) ||
	    !checked_sub(out->in_use_bytes, reading.nested_bytes, &out->in_use_bytes))
		out->skipped++;
	return err ? err : other_malloc__sort_ranges(out, account);
}
