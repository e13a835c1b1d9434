// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/jemalloc.h"

#include <errno.h>
#include <stdbool.h>

#include "other_mallocs/jemalloc_blocks.h"
#include "other_mallocs/jemalloc_layout.h"

static void decode_extent(const uint64_t *words, uint64_t *first, uint64_t *pages)
{
	*first = words[JEMALLOC_EXTENT_ADDRESS] >> JEMALLOC_PAGE_SHIFT;
	*pages = words[JEMALLOC_EXTENT_SIZE] >> JEMALLOC_PAGE_SHIFT;
}

const struct page_tree_kind jemalloc_trees[JEMALLOC_TREES] = {
	{
		.page_shift = JEMALLOC_PAGE_SHIFT,
		.root_bits = 18,
		.leaf_bits = 18,
		.entry_words = 1,
		.item_mask = (1UL << 48) - 64, /* flags are below, the size class is above */
		.decode = decode_extent,
	},
	{
		.page_shift = JEMALLOC_PAGE_SHIFT,
		.root_bits = 15,
		.node_bits = 15,
		.leaf_bits = 15,
		.entry_words = 2,
		.item_mask = -1UL, /* flags and size class are in the second word */
		.decode = decode_extent,
	},
};

/* What differs between versions and builds. */
struct variant {
	const struct jemalloc_fields *fields; /* NULL: there are no allocations to tell it */
	/*
	 * How much larger an extent is than the large allocation in it: a page, so that this need
	 * not begin at a page (cache-oblivious allocation, the default), or nothing.
	 */
	uint64_t padding;
};

struct variant_search {
	const struct page_tree_kind *kind;
	size_t fits
		[JEMALLOC_FIELDS]; /* how many extents have the fields where a version has them */
	size_t cnt;
	uint64_t padding;
};

/* So many extents decide. */
#define FITS_NEEDED 256

static unsigned int class_of_entry(const struct page_tree_kind *kind,
				   const struct jemalloc_fields *fields, const uint64_t *entry)
{
	return kind->entry_words == 1 ? entry[0] >> 48 : (uint32_t)entry[1] >> fields->entry_shift;
}

/* The tree has the size class, too: so it tells where the extent has it. */
static int compare_fields(const struct page_tree_item *item, void *context)
{
	struct variant_search *search = context;
	bool fits = false;

	for (size_t i = 0; i < JEMALLOC_FIELDS; i++) {
		const struct jemalloc_fields *fields = &jemalloc_fields[i];
		unsigned int class = jemalloc__class(fields, item->words[0]);

		if (class != class_of_entry(search->kind, fields, item->entry) ||
		    !jemalloc__class_bytes(class) ||
		    jemalloc__state(fields, item->words[0]) != JEMALLOC_ACTIVE)
			continue;
		search->fits[i]++;
		fits = true;
	}
	search->cnt += fits;
	if (fits && !jemalloc__is_slab(item->words[0]) &&
	    item->words[JEMALLOC_EXTENT_ADDRESS] != item->start)
		search->padding = 1UL << JEMALLOC_PAGE_SHIFT;
	return search->cnt >= FITS_NEEDED && search->padding ? -ECANCELED : 0;
}

static int find_variant(struct variant *out, const struct page_tree *tree,
			const struct memory *memory)
{
	struct variant_search search = {.kind = tree->kind};
	const struct page_tree_visitor visitor = {.take_item = compare_fields, .context = &search};
	uint64_t unread = 0;
	int err = page_tree__visit(tree, memory, &visitor, &unread);
	size_t best = 0;

	if (err && err != -ECANCELED)
		return err;
	for (size_t i = 1; i < JEMALLOC_FIELDS; i++)
		if (search.fits[i] > search.fits[best])
			best = i;
	*out = (struct variant){.fields = search.fits[best] ? &jemalloc_fields[best] : NULL,
				.padding = search.padding};
	return 0;
}

/* While the memory of one jemalloc is read. */
struct reading {
	const struct target *target;
	struct other_malloc *out;
	struct variant variant;
	struct jemalloc_blocks blocks;
};

/*
 * How much of an active extent is in use; false if that is malformed. A large allocation has the
 * size of its class, or (5.3.1) just the pages of its extent.
 */
static bool measure_in_use(const struct variant *variant, const struct page_tree_item *item,
			   uint64_t *cnt, uint64_t *bytes)
{
	uint64_t size = jemalloc__class_bytes(jemalloc__class(variant->fields, item->words[0])),
		 extent_bytes = item->end - item->start, blocks, free_blocks;

	if (!size)
		return false;
	if (!jemalloc__is_slab(item->words[0])) {
		extent_bytes -= extent_bytes > variant->padding ? variant->padding : 0;
		*bytes = size < extent_bytes ? size : extent_bytes;
		*cnt = 1;
		return true;
	}
	blocks = extent_bytes / size;
	free_blocks = jemalloc__free_blocks(variant->fields, item->words[0]);
	*cnt = blocks - free_blocks;
	*bytes = *cnt * size;
	return free_blocks <= blocks;
}

static enum other_state take_state(struct reading *reading, const struct page_tree_item *item)
{
	uint64_t cnt = 0, bytes = 0;

	if (!reading->variant.fields)
		return OTHER_UNDIVIDED;
	switch (jemalloc__state(reading->variant.fields, item->words[0])) {
	case JEMALLOC_ACTIVE:
		if (!measure_in_use(&reading->variant, item, &cnt, &bytes)) {
			reading->out->skipped++;
			return OTHER_ACTIVE;
		}
		reading->out->in_use_cnt += cnt;
		reading->out->in_use_bytes += bytes;
		return OTHER_ACTIVE;
	case JEMALLOC_DIRTY:
	case JEMALLOC_MUZZY:
		return OTHER_UNUSED;
	case JEMALLOC_RETAINED:
		return OTHER_RETURNED;
	default:
		return OTHER_UNDIVIDED;
	}
}

static int take_table(uint64_t address, void *context)
{
	struct reading *reading = context;

	return jemalloc_blocks__add(&reading->blocks, reading->target, address);
}

static int take_extent(const struct page_tree_item *item, void *context)
{
	struct reading *reading = context;
	int err = other_malloc__add_range(reading->out, reading->target->memory->account,
					  item->start, item->end, take_state(reading, item));

	return err ? err : jemalloc_blocks__add(&reading->blocks, reading->target, item->address);
}

int jemalloc__read(struct other_malloc *out, const struct target *target,
		   const struct page_tree *tree)
{
	struct account *account = target->memory->account;
	struct reading reading = {.target = target, .out = out};
	const struct page_tree_visitor visitor = {.take_table = take_table,
						  .take_item = take_extent,
						  .context = &reading};
	int err = find_variant(&reading.variant, tree, target->memory);

	out->kind = OTHER_JEMALLOC;
	out->knows_in_use = reading.variant.fields;
	if (!err)
		err = page_tree__visit(tree, target->memory, &visitor, &out->skipped);
	for (size_t i = 0; i < reading.blocks.cnt && !err; i++)
		err = other_malloc__add_range(out, account, reading.blocks.items[i].start,
					      reading.blocks.items[i].end, OTHER_METADATA);
	jemalloc_blocks__release(&reading.blocks);
	return err ? err : other_malloc__sort_ranges(out, account);
}
