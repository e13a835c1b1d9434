// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/page_tree.h"

#include <errno.h>
#include <stdlib.h>

#include "other_mallocs/touched_words.h"
#include "util/cleanup.h"

#define ITEMS_AT_ONCE 512

/* A visit under way. Items are collected, and read together. */
struct visit {
	const struct page_tree_kind *kind;
	const struct memory *memory;
	const struct page_tree_visitor *visitor;
	uint64_t root, node, leaf; /* addresses of the tables that are read */
	uint64_t node_number, leaf_number;
	struct page_tree_item items[ITEMS_AT_ONCE];
	uint64_t pages[ITEMS_AT_ONCE]; /* for which the leaf has the items */
	size_t cnt;
	uint64_t last; /* item that was collected last */
	uint64_t unread;
};

static int take_item(const struct visit *visit, size_t number)
{
	const struct page_tree_kind *kind = visit->kind;
	struct page_tree_item item = visit->items[number];
	uint64_t first, pages, limit = 1UL << (kind->leaf_bits + kind->node_bits + kind->root_bits);

	kind->decode(item.words, &first, &pages);
	if (first != visit->pages[number] || !pages || pages > limit - first)
		return 0;
	item.start = first << kind->page_shift;
	item.end = (first + pages) << kind->page_shift;
	return visit->visitor->take_item(&item, visit->visitor->context);
}

static int take_items(struct visit *visit)
{
	struct memory_range ranges[ITEMS_AT_ONCE];
	size_t cnt = visit->cnt;
	int err;

	for (size_t i = 0; i < cnt; i++)
		ranges[i] = (struct memory_range){.address = visit->items[i].address,
						  .buffer = visit->items[i].words,
						  .size = sizeof(visit->items[i].words)};
	err = memory__read_ranges(visit->memory, ranges, cnt);
	for (size_t i = 0; i < cnt && !err; i++)
		if (ranges[i].failed)
			visit->unread++;
		else
			err = take_item(visit, i);
	visit->cnt = 0;
	return err;
}

static int collect_item(struct visit *visit, const uint64_t *entry, uint64_t index)
{
	const struct page_tree_kind *kind = visit->kind;
	struct page_tree_item *item = &visit->items[visit->cnt];
	uint64_t address = entry[0] & kind->item_mask;

	/* Of the pages of an item only the first one matters. */
	if (!address || address == visit->last)
		return 0;
	visit->last = address;
	*item = (struct page_tree_item){.address = address};
	for (size_t i = 0; i < kind->entry_words; i++)
		item->entry[i] = entry[i];
	visit->pages[visit->cnt++] = (visit->leaf_number << kind->leaf_bits) + index;
	return visit->cnt == ITEMS_AT_ONCE ? take_items(visit) : 0;
}

static int take_leaf_words(uint64_t address, const uint64_t *words, size_t cnt, void *context)
{
	struct visit *visit = context;
	size_t entry_words = visit->kind->entry_words, at = (address - visit->leaf) / 8;
	int err = 0;

	/* Pages, and so the words that come together, begin with an entry if the leaf does. */
	for (size_t i = (entry_words - at % entry_words) % entry_words;
	     i + entry_words <= cnt && !err; i += entry_words)
		err = collect_item(visit, &words[i], (at + i) / entry_words);
	return err;
}

static int visit_leaf(struct visit *visit, uint64_t leaf, uint64_t number)
{
	const struct page_tree_visitor *visitor = visit->visitor;
	uint64_t bytes = 8UL * visit->kind->entry_words << visit->kind->leaf_bits;
	int err = visitor->take_table ? visitor->take_table(leaf, visitor->context) : 0;

	visit->leaf = leaf;
	visit->leaf_number = number;
	return err ? err
		   : touched_words__visit(visit->memory, leaf, leaf + bytes, take_leaf_words,
					  visit);
}

static int take_node_words(uint64_t address, const uint64_t *words, size_t cnt, void *context)
{
	struct visit *visit = context;
	uint64_t number =
		(visit->node_number << visit->kind->node_bits) + (address - visit->node) / 8;
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++)
		if (words[i])
			err = visit_leaf(visit, words[i], number + i);
	return err;
}

static int visit_node(struct visit *visit, uint64_t node, uint64_t number)
{
	const struct page_tree_visitor *visitor = visit->visitor;
	int err = visitor->take_table ? visitor->take_table(node, visitor->context) : 0;

	visit->node = node;
	visit->node_number = number;
	return err ? err
		   : touched_words__visit(visit->memory, node,
					  node + (8UL << visit->kind->node_bits), take_node_words,
					  visit);
}

static int take_root_words(uint64_t address, const uint64_t *words, size_t cnt, void *context)
{
	struct visit *visit = context;
	uint64_t number = (address - visit->root) / 8;
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++)
		if (words[i])
			err = visit->kind->node_bits ? visit_node(visit, words[i], number + i)
						     : visit_leaf(visit, words[i], number + i);
	return err;
}

int page_tree__visit(const struct page_tree *tree, const struct memory *memory,
		     const struct page_tree_visitor *visitor, uint64_t *unread)
{
	_cleanup_free_ struct visit *visit = malloc(sizeof(*visit));
	int err;

	if (!visit)
		return -ENOMEM;
	visit->kind = tree->kind;
	visit->memory = memory;
	visit->visitor = visitor;
	visit->root = tree->root;
	visit->cnt = 0;
	visit->last = 0;
	visit->unread = 0;
	err = touched_words__visit(memory, tree->root, tree->root + (8UL << tree->kind->root_bits),
				   take_root_words, visit);
	if (!err)
		err = take_items(visit);
	*unread += visit->unread;
	return err;
}
