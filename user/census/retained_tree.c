// SPDX-License-Identifier: BSD-2-Clause
#include "census/retained_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/partition_point.h"

struct work {
	struct retained_tree *tree;
	const struct retained_groups *groups;
	const struct retained_tree_options *options;
	struct account *account;
	uint64_t min_bytes; /* groups that retain less are not shown */
	/* The groups to show, by the group above, the one that retains the most first. */
	uint32_t *shown;
	size_t shown_cnt;
	uint32_t *of_rows; /* by row: its group; GROUP_NONE: others */
	size_t row_capacity;
};

void retained_tree__release(struct retained_tree *tree)
{
	for (size_t i = 0; i < tree->cnt; i++) {
		account__free(tree->rows[i].path);
		account__free(tree->rows[i].possible_holder);
		for (uint32_t j = 0; j < tree->rows[i].holder_cnt; j++)
			account__free(tree->rows[i].holders[j]);
	}
	account__free(tree->rows);
	*tree = (struct retained_tree){};
}

static int compare_groups(const void *left, const void *right, void *context)
{
	const struct retained_group *groups = context;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	if (groups[a].parent != groups[b].parent)
		return groups[a].parent < groups[b].parent ? -1 : 1;
	if (groups[a].retained.bytes != groups[b].retained.bytes)
		return groups[a].retained.bytes < groups[b].retained.bytes ? 1 : -1;
	return (a > b) - (a < b);
}

static int find_shown(struct work *work)
{
	const struct retained_groups *groups = work->groups;
	size_t cnt = 0;

	for (size_t i = 1; i < groups->cnt; i++)
		cnt += groups->groups[i].retained.bytes >= work->min_bytes;
	work->shown = account__calloc(work->account, cnt + 1, sizeof(*work->shown));
	if (!work->shown)
		return -errno;
	for (size_t i = 1; i < groups->cnt; i++)
		if (groups->groups[i].retained.bytes >= work->min_bytes)
			work->shown[work->shown_cnt++] = (uint32_t)i;
	return account__sort_r(work->account, work->shown, cnt, sizeof(*work->shown),
			       compare_groups, groups->groups);
}

/* The groups to show below @parent. */
static size_t find_children(const struct work *work, uint32_t parent, const uint32_t **children)
{
	const struct retained_group *groups = work->groups->groups;
	size_t first = PARTITION_POINT(group, work->shown, work->shown_cnt,
				       groups[*group].parent < parent);
	size_t end = PARTITION_POINT(group, work->shown, work->shown_cnt,
				     groups[*group].parent <= parent);

	*children = work->shown + first;
	return end - first;
}

static int append_row(struct work *work, uint32_t group, const struct retained_row *row)
{
	struct retained_tree *tree = work->tree;
	int err = ACCOUNT_RESERVE(work->account, tree->rows, tree->capacity, tree->cnt + 1);

	if (!err)
		err = ACCOUNT_RESERVE(work->account, work->of_rows, work->row_capacity,
				      tree->cnt + 1);
	if (err)
		return err;
	work->of_rows[tree->cnt] = group;
	tree->rows[tree->cnt++] = *row;
	return 0;
}

/* Adds a row for the groups below @parent that are not among the @cnt @children. */
static int append_others(struct work *work, uint32_t parent, uint32_t depth,
			 const uint32_t *children, size_t cnt)
{
	const struct retained_group *groups = work->groups->groups;
	struct retained_row row = {
		.depth = depth,
		.retained = groups[parent].retained,
		.type = TYPE_NONE,
		.group_cnt = groups[parent].child_cnt - (uint32_t)cnt,
	};

	row.retained.cnt -= groups[parent].own.cnt;
	row.retained.bytes -= groups[parent].own.bytes;
	row.retained.outside_bytes -= groups[parent].own.outside_bytes;
	for (size_t i = 0; i < cnt; i++) {
		row.retained.cnt -= groups[children[i]].retained.cnt;
		row.retained.bytes -= groups[children[i]].retained.bytes;
		row.retained.outside_bytes -= groups[children[i]].retained.outside_bytes;
	}
	return row.retained.bytes < work->min_bytes ? 0 : append_row(work, GROUP_NONE, &row);
}

static int append_group(struct work *work, uint32_t number, uint32_t depth, bool is_passed)
{
	const struct retained_group *group = &work->groups->groups[number];

	return append_row(work, number,
			  &(struct retained_row){
				  .depth = depth,
				  .own = group->own,
				  .retained = group->retained,
				  .member_cnt = group->member_cnt,
				  .type = group->type,
				  .is_repeated =
					  work->groups->paths->paths[group->path].is_repeated,
				  .is_passed = is_passed,
				  .is_shared = group->is_shared,
			  });
}

/* Whether only one row is below @group, and retains almost as much. */
static bool is_passed(const struct work *work, uint32_t group, const uint32_t *children, size_t cnt)
{
	const struct retained_group *groups = work->groups->groups;

	return cnt == 1 &&
	       groups[group].retained.bytes - groups[*children].retained.bytes < work->min_bytes;
}

/* Rows to add, the next one last. */
struct pending {
	struct pending_row {
		/* @is_end: the others below it, when those that are shown are done. */
		uint32_t group, depth;
		bool is_end;
	} * rows;
	size_t cnt, capacity;
};

static int push(struct work *work, struct pending *pending, uint32_t group, uint32_t depth,
		bool is_end)
{
	int err =
		ACCOUNT_RESERVE(work->account, pending->rows, pending->capacity, pending->cnt + 1);

	if (!err)
		pending->rows[pending->cnt++] = (struct pending_row){group, depth, is_end};
	return err;
}

/* Adds the row of a group, and has those below it added at @depth or, if it is passed, above. */
static int descend(struct work *work, struct pending *pending, uint32_t group, uint32_t depth)
{
	const uint32_t *children;
	size_t cnt = find_children(work, group, &children);
	bool passed = group != GROUP_ROOT && is_passed(work, group, children, cnt);
	int err = 0;

	if (group != GROUP_ROOT)
		err = append_group(work, group, depth, passed);
	if (group != GROUP_ROOT && !passed && ++depth >= work->options->depth)
		return err;
	if (!err && (cnt || group == GROUP_ROOT))
		err = push(work, pending, group, depth, true);
	while (cnt-- && !err)
		err = push(work, pending, children[cnt], depth, false);
	return err;
}

static int make_rows(struct work *work)
{
	struct pending pending = {};
	int err = descend(work, &pending, GROUP_ROOT, 0);

	while (pending.cnt && !err && work->tree->cnt < RETAINED_ROWS_MAX) {
		struct pending_row row = pending.rows[--pending.cnt];
		const uint32_t *children;
		size_t cnt;

		if (!row.is_end) {
			err = descend(work, &pending, row.group, row.depth);
			continue;
		}
		cnt = find_children(work, row.group, &children);
		err = append_others(work, row.group, row.depth, children, cnt);
	}
	work->tree->refused_cnt += pending.cnt;
	account__free(pending.rows);
	return err;
}

/* Keeps @text in the account. */
static int keep(const struct work *work, const char *text, char **out)
{
	*out = account__strdup(work->account, text);
	return *out ? 0 : -errno;
}

static int write_path(const struct work *work, uint32_t path, const struct folded_step *last,
		      char **out)
{
	_cleanup_free_ char *text = NULL;
	int err = folded_paths__text(&text, work->groups->paths, path, last,
				     work->options->no_values);

	return err ? err : keep(work, text, out);
}

static int write_paths(const struct work *work)
{
	int err = 0;

	for (size_t i = 0; i < work->tree->cnt && !err; i++)
		if (work->of_rows[i] != GROUP_NONE)
			err = write_path(work, work->groups->groups[work->of_rows[i]].path, NULL,
					 &work->tree->rows[i].path);
	return err;
}

static int compare_items(const void *left, const void *right)
{
	const struct group_holders *a = left, *b = right;

	return (a->group > b->group) - (a->group < b->group);
}

static int write_root(const struct work *work, uint32_t root, char **out)
{
	_cleanup_free_ char *text = NULL;
	int err =
		folded_paths__root_text(&text, work->groups->paths, root, work->options->no_values);

	return err ? err : keep(work, text, out);
}

static int write_holders(const struct work *work, struct retained_row *row,
			 const struct group_holders *found)
{
	int err = 0;

	row->has_more_holders = found->has_more;
	for (uint32_t i = 0; i < found->cnt && !err; i++) {
		const struct holder *holder = &found->holders[i];
		char **out = &row->holders[row->holder_cnt];

		err = holder->root == HOLDER_NONE
			      ? write_path(work, holder->path, &holder->step, out)
			      : write_root(work, holder->root, out);
		row->holder_cnt += !err;
	}
	if (!err && found->weak_root != HOLDER_NONE)
		err = write_root(work, found->weak_root, &row->possible_holder);
	return err;
}

/* Names the other holders. */
static int find_holders(const struct work *work)
{
	struct retained_tree *tree = work->tree;
	_cleanup_account_free_ struct group_holders *items =
		account__calloc(work->account, tree->cnt + 1, sizeof(*items));
	size_t cnt = 0;
	int err;

	if (!items)
		return -errno;
	for (size_t i = 0; i < tree->cnt; i++)
		if (work->of_rows[i] != GROUP_NONE)
			items[cnt++].group = work->of_rows[i];
	if (!cnt)
		return 0;
	err = account__sort(work->account, items, cnt, sizeof(*items), compare_items);
	if (!err)
		err = retained_holders__find(items, cnt, work->groups);
	for (size_t i = 0; i < tree->cnt && !err; i++) {
		uint32_t group = work->of_rows[i];

		if (group != GROUP_NONE)
			err = write_holders(
				work, &tree->rows[i],
				&items[PARTITION_POINT(item, items, cnt, item->group < group)]);
	}
	return err;
}

static int show(struct retained_tree *tree, const struct retained_groups *groups,
		const struct retained_tree_options *options)
{
	struct work work = {
		.tree = tree,
		.groups = groups,
		.options = options,
		.account = groups->paths->graph->census->heap->account,
		.min_bytes = tree->total.bytes / RETAINED_SHARE + 1,
	};
	int err = find_shown(&work);

	if (!err)
		err = make_rows(&work);
	if (!err)
		err = write_paths(&work);
	if (!err)
		err = find_holders(&work);
	account__free(work.shown);
	account__free(work.of_rows);
	return err;
}

static int make_tree(struct retained_tree *tree, struct retained *retained,
		     const struct folded_paths *paths, const uint64_t *outside_bytes,
		     const struct retained_tree_options *options)
{
	_cleanup_(retained_groups__release) struct retained_groups groups = {};
	int err;

	tree->total = retained->total;
	tree->free_listed = retained->free_listed;
	tree->unreached = retained->unreached;
	tree->unowned_bytes = retained->unowned_bytes;
	err = retained_groups__find(&groups, retained, paths, outside_bytes);
	tree->refused_cnt = paths->refused_cnt + groups.refused_cnt;
	return err ? err : show(tree, &groups, options);
}

int retained_tree__make(struct retained_tree *out, const struct graph *graph,
			const struct roots *roots, const struct retention *retention,
			const uint64_t *outside_bytes, const struct retained_tree_options *options)
{
	_cleanup_(retained_tree__release) struct retained_tree tree = {};
	_cleanup_(folded_paths__release) struct folded_paths paths = {};
	_cleanup_(retained__release) struct retained retained = {};
	int err = retained__find(&retained, graph, roots, retention, outside_bytes);

	if (!err)
		err = folded_paths__find(&paths, graph, roots, retention, &retained);
	if (!err)
		err = make_tree(&tree, &retained, &paths, outside_bytes, options);
	if (err)
		return err;
	*out = tree;
	tree = (struct retained_tree){};
	return 0;
}
