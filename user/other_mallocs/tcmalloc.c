// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/tcmalloc.h"

#include <string.h>

#include "other_mallocs/tcmalloc_classes.h"
#include "util/partition_point.h"

enum span_word {     /* of struct Span */
	SPAN_START,  /* number of the first page */
	SPAN_LENGTH, /* pages */
	SPAN_FLAGS = 5,
};

/* The flags: 16 bits with the number of blocks in use, 8 with the size class, 2 with this. */
#define SPAN_CLASS_SHIFT    16
#define SPAN_LOCATION_SHIFT 24

enum span_location {
	SPAN_IN_USE,
	SPAN_FREE,
	SPAN_RETURNED,
};

static void decode_span(const uint64_t *words, uint64_t *first, uint64_t *pages)
{
	*first = words[SPAN_START];
	*pages = words[SPAN_LENGTH];
}

const struct page_tree_kind tcmalloc_tree = {
	.page_shift = 13,
	.root_bits = 17,
	.leaf_bits = 18,
	.entry_words = 1,
	.item_mask = (1UL << 48) - 8,
	.decode = decode_span,
};

struct reading {
	const struct target *target;
	struct other_malloc *out;
	struct tcmalloc_classes classes;
};

/* Adds what a span has in use: blocks of a size class, or (class 0) one large allocation. */
static void count_in_use(const struct reading *reading, const struct page_tree_item *item)
{
	struct other_malloc *out = reading->out;
	uint64_t flags = item->words[SPAN_FLAGS], class = flags >> SPAN_CLASS_SHIFT & 0xff,
		 cnt = class ? flags & 0xffff : 1, bytes = item->end - item->start;

	if (class >= reading->classes.cnt ||
	    (class && cnt > bytes / reading->classes.bytes[class])) {
		out->skipped++;
		return;
	}
	out->in_use_cnt += cnt;
	out->in_use_bytes += class ? cnt * reading->classes.bytes[class] : bytes;
}

static int take_span(const struct page_tree_item *item, void *context)
{
	static const enum other_state states[] = {
		[SPAN_IN_USE] = OTHER_ACTIVE,
		[SPAN_FREE] = OTHER_UNUSED,
		[SPAN_RETURNED] = OTHER_RETURNED,
		OTHER_UNDIVIDED,
	};
	const struct reading *reading = context;
	uint64_t location = item->words[SPAN_FLAGS] >> SPAN_LOCATION_SHIFT & 3;

	if (location == SPAN_IN_USE && reading->classes.cnt)
		count_in_use(reading, item);
	return other_malloc__add_range(reading->out, reading->target->memory->account, item->start,
				       item->end, states[location]);
}

/* Adds what is between the @cnt spans in a mapping, if there is a span. */
static int add_rest_of_mapping(const struct reading *reading, const struct mapping *mapping,
			       size_t cnt)
{
	struct account *account = reading->target->memory->account;
	struct other_malloc *out = reading->out;
	size_t i = PARTITION_POINT(range, out->ranges, cnt, range->end <= mapping->start);
	uint64_t at = mapping->start;
	int err = 0;

	for (; i < cnt && out->ranges[i].start < mapping->end && !err; i++) {
		const struct other_range span = out->ranges[i];

		if (span.start > at)
			err = other_malloc__add_range(out, account, at, span.start, OTHER_METADATA);
		at = span.end;
	}
	if (at > mapping->start && at < mapping->end && !err)
		err = other_malloc__add_range(out, account, at, mapping->end, OTHER_METADATA);
	return err;
}

/* What brk(2) has given is the allocator's as a whole if it has a span there. */
static int add_rest_of_brk(const struct reading *reading)
{
	size_t cnt = reading->out->range_cnt;
	int err = 0;

	for (size_t i = 0; i < reading->target->map_cnt && !err; i++)
		if (!strcmp(reading->target->maps[i].path, "[heap]"))
			err = add_rest_of_mapping(reading, &reading->target->maps[i], cnt);
	return err;
}

int tcmalloc__read(struct other_malloc *out, const struct target *target,
		   const struct page_tree *tree)
{
	struct reading reading = {.target = target, .out = out};
	const struct page_tree_visitor visitor = {.take_item = take_span, .context = &reading};
	int err = tcmalloc_classes__find(&reading.classes, target, tree->file);

	out->knows_in_use = reading.classes.cnt;
	if (!err)
		err = page_tree__visit(tree, target->memory, &visitor, &out->skipped);
	out->kind = OTHER_TCMALLOC;
	if (!err)
		err = other_malloc__sort_ranges(out, target->memory->account);
	if (!err)
		err = add_rest_of_brk(&reading);
	return err ? err : other_malloc__sort_ranges(out, target->memory->account);
}
