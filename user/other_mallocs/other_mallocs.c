// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/other_mallocs.h"

#include <errno.h>

#include "other_mallocs/jemalloc.h"
#include "other_mallocs/mallocng.h"
#include "other_mallocs/mimalloc.h"
#include "other_mallocs/module_version.h"
#include "other_mallocs/tcmalloc.h"

/* An allocator that is found by its tree of pages. */
struct tree_reader {
	const struct page_tree_kind *kind;
	int (*read)(struct other_malloc *out, const struct target *target,
		    const struct page_tree *tree);
	version_match_fn *match_version;
};

static const struct tree_reader tree_readers[] = {
	{&jemalloc_trees[0], jemalloc__read, version__match_jemalloc},
	{&jemalloc_trees[1], jemalloc__read, version__match_jemalloc},
	{&tcmalloc_tree, tcmalloc__read, version__match_gperftools},
};

static int add_item(struct other_mallocs *mallocs, struct account *account, const char *path)
{
	struct other_malloc item = {};
	int err = ACCOUNT_RESERVE(account, mallocs->items, mallocs->capacity, mallocs->cnt + 1);

	if (err)
		return err;
	item.path = account__strdup(account, path);
	if (!item.path)
		return -errno;
	mallocs->items[mallocs->cnt++] = item;
	return 0;
}

static int add_by_tree(struct other_mallocs *mallocs, const struct target *target,
		       const struct tree_reader *reader, const struct page_tree *tree)
{
	struct other_malloc *item;
	int err = add_item(mallocs, target->memory->account, tree->file->path);

	if (err)
		return err;
	item = &mallocs->items[mallocs->cnt - 1];
	err = reader->read(item, target, tree);
	return err ? err
		   : module_version__find(target, tree->file, reader->match_version, item->version,
					  sizeof(item->version));
}

static int find_by_tree(struct other_mallocs *mallocs, const struct target *target,
			const struct tree_reader *reader)
{
	struct page_trees trees;
	int err = page_trees__find(&trees, target, reader->kind);

	for (size_t i = 0; !err && i < trees.cnt; i++)
		err = add_by_tree(mallocs, target, reader, &trees.items[i]);
	return err;
}

static int find_mallocng(struct other_mallocs *mallocs, const struct target *target)
{
	struct mallocng_contexts contexts;
	int err = mallocng_contexts__find(&contexts, target);

	for (size_t i = 0; !err && i < contexts.cnt; i++) {
		err = add_item(mallocs, target->memory->account, contexts.items[i].file->path);
		if (!err)
			err = mallocng__read(&mallocs->items[mallocs->cnt - 1], target,
					     &contexts.items[i]);
	}
	return err;
}

/* Adds an allocator that was read, unless it has no memory; takes ownership of @item. */
static int take_item(struct other_mallocs *mallocs, struct account *account,
		     struct other_malloc *item, const char *path)
{
	int err = item->range_cnt ? add_item(mallocs, account, path) : 0;

	if (err || !item->range_cnt) {
		other_malloc__release(item);
		return err;
	}
	item->path = mallocs->items[mallocs->cnt - 1].path;
	mallocs->items[mallocs->cnt - 1] = *item;
	return 0;
}

static int find_mimallocs(struct other_mallocs *mallocs, const struct target *target)
{
	struct mimalloc_cookies known = {};
	size_t last;
	int err;

	do {
		struct other_malloc item = {};
		const struct mapping *file;

		last = known.cnt;
		err = mimalloc__read(&item, target, &known, &file);
		if (err)
			other_malloc__release(&item);
		else
			err = take_item(mallocs, target->memory->account, &item,
					file ? file->path : "");
	} while (!err && known.cnt > last && known.cnt < MIMALLOCS_MAX);
	return err;
}

int other_mallocs__find(struct other_mallocs *out, const struct target *target)
{
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(tree_readers) / sizeof(*tree_readers); i++)
		err = find_by_tree(out, target, &tree_readers[i]);
	if (!err)
		err = find_mallocng(out, target);
	return err ? err : find_mimallocs(out, target);
}

void other_mallocs__release(struct other_mallocs *mallocs)
{
	for (size_t i = 0; i < mallocs->cnt; i++)
		other_malloc__release(&mallocs->items[i]);
	account__free(mallocs->items);
	*mallocs = (struct other_mallocs){};
}

const struct other_range *other_mallocs__range_from(const struct other_mallocs *mallocs,
						    uint64_t address)
{
	const struct other_range *first = NULL;

	for (size_t i = 0; i < mallocs->cnt; i++) {
		const struct other_range *range =
			other_malloc__range_from(&mallocs->items[i], address);

		if (range && (!first || range->start < first->start))
			first = range;
	}
	return first;
}
