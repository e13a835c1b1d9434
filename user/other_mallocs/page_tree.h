/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds and reads the radix tree by which an allocator gets from an address to what it knows about
 * the page there. jemalloc and gperftools' tcmalloc have such trees of two or three levels:
 *
 * The root, an array of pointers, is static data; the upper bits of a page's number are the index.
 * A pointer leads to a node, an array of pointers to leaves, if there are three levels, else to a
 * leaf. A leaf is an array, too; the lower bits are the index. It holds the addresses of *items*,
 * the structures of runs of pages: jemalloc's extents, tcmalloc's spans. Nodes, leaves and items
 * are in memory from the system.
 *
 * The tree proves itself without symbols: an item says which pages it is for, and these must be the
 * ones that the indices on the way to it spell.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/target.h"

#define PAGE_TREE_ITEM_WORDS  6
#define PAGE_TREE_ENTRY_WORDS 2

struct page_tree_item {
	uint64_t address;		       /* of the structure */
	uint64_t entry[PAGE_TREE_ENTRY_WORDS]; /* of the leaf, for its first page */
	uint64_t words[PAGE_TREE_ITEM_WORDS];  /* the first words of the structure */
	uint64_t start, end;		       /* addresses of the run of pages, end exclusive */
};

/* How an allocator's tree is made. */
struct page_tree_kind {
	unsigned int page_shift;
	unsigned int root_bits, node_bits, leaf_bits; /* of the index; node_bits 0: two levels */
	unsigned int entry_words;		      /* of a leaf: 1, or 2 */
	uint64_t item_mask; /* the bits of an entry's first word that are the address of an item */
	/* The run of pages that the words of an item say: their numbers from *@first on. */
	void (*decode)(const uint64_t *words, uint64_t *first, uint64_t *pages);
};

struct page_tree {
	const struct page_tree_kind *kind;
	uint64_t root;		    /* address of the array */
	const struct mapping *file; /* whose static data it is */
};

/* A process has one for each copy of the allocator; usually one. */
#define PAGE_TREES_MAX 8

struct page_trees {
	struct page_tree items[PAGE_TREES_MAX];
	size_t cnt;
};

/*
 * Finds the trees of that @kind in @target, whose maps are read. Returns 0, -EDQUOT, -ENOMEM, or as
 * memory__read_ranges().
 */
int page_trees__find(struct page_trees *out, const struct target *target,
		     const struct page_tree_kind *kind);

/* What a visit calls. Each returns 0 to go on, or what the visit is to return. */
struct page_tree_visitor {
	/* A node or a leaf. May be NULL. */
	int (*take_table)(uint64_t address, void *context);
	int (*take_item)(const struct page_tree_item *item, void *context);
	void *context;
};

/*
 * Visits all items, each once, by the first of its pages. Those that cannot be read are counted in
 * *@unread; entries for other pages of an item, and outdated ones, are passed over. Returns 0, what
 * the visitor has returned, -EDQUOT, -ENOMEM, or as memory__read_ranges().
 */
int page_tree__visit(const struct page_tree *tree, const struct memory *memory,
		     const struct page_tree_visitor *visitor, uint64_t *unread);
