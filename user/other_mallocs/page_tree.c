// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/page_tree.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "other_mallocs/target_areas.h"
#include "other_mallocs/touched_words.h"
#include "util/cleanup.h"

/* Nodes and leaves are larger than a page, and so are aligned to a cache line at least. */
#define TABLE_ALIGNMENT 64
/* So many entries of a leaf, and leaves of a node, are looked at; they all have to be right. */
#define PROOFS 8
/*
 * So many words behind an entry of a root are looked at before the entry is put to the proof. The
 * addresses that programs have are in the lower half of a root, so these words are part of it.
 */
#define NEIGHBOURS 64
/* A hostile target may have any number of pointers that could be ones to tables. */
#define CANDIDATES_MAX 4096

static uint64_t root_bytes(const struct page_tree_kind *kind)
{
	return 8UL << kind->root_bits;
}

static uint64_t node_bytes(const struct page_tree_kind *kind)
{
	return 8UL << kind->node_bits;
}

static uint64_t leaf_bytes(const struct page_tree_kind *kind)
{
	return 8UL * kind->entry_words << kind->leaf_bits;
}

/* Of the tables that the root refers to. */
static uint64_t table_bytes(const struct page_tree_kind *kind)
{
	return kind->node_bits ? node_bytes(kind) : leaf_bytes(kind);
}

struct search {
	const struct target *target;
	const struct page_tree_kind *kind;
	struct page_trees *out;
	struct static_area area;
	size_t candidates;
};

/* A leaf, or a node, that is put to the proof. */
struct proof {
	const struct search *search;
	uint64_t table;
	uint64_t number; /* of the table among all of its level, as the items have it */
	size_t cnt;
};

/* Whether the run of pages is one that a leaf has at @index; then also the leaf's number. */
static bool run_is_at(const struct page_tree_kind *kind, uint64_t first, uint64_t pages,
		      uint64_t index, uint64_t *number)
{
	uint64_t leaf_pages = 1UL << kind->leaf_bits, page;

	if (first % leaf_pages == index)
		page = first;
	else if ((first + pages - 1) % leaf_pages == index)
		page = first + pages - 1;
	else /* within the run, which may begin in a leaf before */
		page = first - first % leaf_pages + index;
	*number = page / leaf_pages;
	return pages && page >= first && page - first < pages &&
	       !(*number >> (kind->node_bits + kind->root_bits));
}

/* Returns 1 once enough was proved, 0 to go on, -ENOENT if the table is none. */
static int add_proof(struct proof *proof, uint64_t number)
{
	if (proof->cnt && number != proof->number)
		return -ENOENT;
	proof->number = number;
	return ++proof->cnt == PROOFS;
}

static int prove_entry(struct proof *proof, uint64_t index, uint64_t item)
{
	const struct search *search = proof->search;
	uint64_t words[PAGE_TREE_ITEM_WORDS], first, pages, number;
	int err;

	if (!target_areas__are_anonymous(search->target, item, sizeof(words)))
		return -ENOENT;
	err = memory__read(search->target->memory, item, words, sizeof(words));
	if (err)
		return err == -EFAULT ? -ENOENT : err;
	search->kind->decode(words, &first, &pages);
	return run_is_at(search->kind, first, pages, index, &number) ? add_proof(proof, number)
								     : -ENOENT;
}

static int prove_entries(uint64_t address, const uint64_t *words, size_t cnt, void *context)
{
	struct proof *proof = context;
	const struct page_tree_kind *kind = proof->search->kind;
	uint64_t at = (address - proof->table) / 8;
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++) {
		uint64_t item = words[i] & kind->item_mask;

		if (item && (at + i) % kind->entry_words == 0)
			err = prove_entry(proof, (at + i) / kind->entry_words, item);
	}
	return err;
}

/* Looks whether @leaf is one. Returns 0, and its number if it is; -ENOENT; or negative errno. */
static int prove_leaf(const struct search *search, uint64_t leaf, uint64_t *number)
{
	struct proof proof = {.search = search, .table = leaf};
	uint64_t bytes = leaf_bytes(search->kind);
	int err;

	if (leaf % TABLE_ALIGNMENT || !target_areas__are_anonymous(search->target, leaf, bytes))
		return -ENOENT;
	err = touched_words__visit(search->target->memory, leaf, leaf + bytes, prove_entries,
				   &proof);
	*number = proof.number;
	if (err < 0)
		return err;
	return proof.cnt ? 0 : -ENOENT;
}

static int prove_leaves(uint64_t address, const uint64_t *words, size_t cnt, void *context)
{
	struct proof *proof = context;
	const struct page_tree_kind *kind = proof->search->kind;
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++) {
		uint64_t number, index = (address - proof->table) / 8 + i;

		if (!words[i])
			continue;
		err = prove_leaf(proof->search, words[i], &number);
		if (!err && number % (1UL << kind->node_bits) != index)
			err = -ENOENT;
		if (!err)
			err = add_proof(proof, number >> kind->node_bits);
	}
	return err;
}

static int prove_node(const struct search *search, uint64_t node, uint64_t *number)
{
	struct proof proof = {.search = search, .table = node};
	int err = touched_words__visit(search->target->memory, node,
				       node + node_bytes(search->kind), prove_leaves, &proof);

	*number = proof.number;
	if (err < 0)
		return err;
	return proof.cnt ? 0 : -ENOENT;
}

static bool may_be_table(const struct search *search, uint64_t address)
{
	return address && address % TABLE_ALIGNMENT == 0 &&
	       target_areas__are_anonymous(search->target, address, table_bytes(search->kind));
}

static int check_root_words(uint64_t address, const uint64_t *words, size_t cnt, void *context)
{
	(void)address;
	for (size_t i = 0; i < cnt; i++)
		if (words[i] && !may_be_table(context, words[i]))
			return -ENOENT;
	return 0;
}

/*
 * Adds the tree with that root, unless it has other words than addresses of tables: an allocator
 * may have the address of a table elsewhere, too.
 */
static int add_tree(struct search *search, uint64_t root)
{
	struct page_trees *out = search->out;
	int err;

	for (size_t i = 0; i < out->cnt; i++)
		if (out->items[i].root == root)
			return 0;
	err = touched_words__visit(search->target->memory, root, root + root_bytes(search->kind),
				   check_root_words, search);
	if (!err && out->cnt < PAGE_TREES_MAX)
		out->items[out->cnt++] = (struct page_tree){.kind = search->kind,
							    .root = root,
							    .file = search->area.file};
	return err == -ENOENT ? 0 : err;
}

/* Looks whether @table, a pointer at @address, is one of a root. */
static int check_candidate(struct search *search, uint64_t address, uint64_t table)
{
	uint64_t number, offset;
	int err = search->kind->node_bits ? prove_node(search, table, &number)
					  : prove_leaf(search, table, &number);

	if (err)
		return err == -ENOENT ? 0 : err;
	offset = number * 8;
	if (address - search->area.start < offset ||
	    search->area.end - (address - offset) < root_bytes(search->kind))
		return 0;
	return add_tree(search, address - offset);
}

/* Whether the words behind a pointer to a table are zeros, or more such pointers. */
static bool is_in_root(const struct search *search, const uint64_t *words, size_t cnt)
{
	for (size_t i = 1; i < cnt && i <= NEIGHBOURS; i++)
		if (words[i] && !may_be_table(search, words[i]))
			return false;
	return true;
}

static int look_for_tables(uint64_t address, const uint64_t *words, size_t cnt, void *context)
{
	struct search *search = context;

	for (size_t i = 0; i < cnt; i++) {
		int err;

		if (!may_be_table(search, words[i]) || !is_in_root(search, &words[i], cnt - i))
			continue;
		if (search->candidates++ == CANDIDATES_MAX)
			return -ECANCELED;
		err = check_candidate(search, address + i * 8, words[i]);
		if (err)
			return err;
	}
	return 0;
}

int page_trees__find(struct page_trees *out, const struct target *target,
		     const struct page_tree_kind *kind)
{
	struct search search = {.target = target, .kind = kind, .out = out};
	int err = 0;

	*out = (struct page_trees){};
	for (size_t i = 0; !err && static_area__find(&search.area, target, i);
	     i = search.area.next) {
		if (search.area.end - search.area.start < root_bytes(kind))
			continue;
		search.candidates = 0;
		err = touched_words__visit(target->memory, search.area.start, search.area.end,
					   look_for_tables, &search);
		if (err == -ECANCELED)
			err = 0;
	}
	return err;
}
