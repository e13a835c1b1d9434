// SPDX-License-Identifier: BSD-2-Clause
#include "census/retained_holders.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/cpu_allowance.h"
#include "util/partition_point.h"

/* How many holders are distinguished while references are counted. */
#define CANDIDATES_MAX 16

struct candidate {
	struct holder holder;
	uint64_t reference_cnt;
};

struct candidates {
	struct candidate items[CANDIDATES_MAX];
	uint32_t cnt;
	bool has_more;
	struct candidate own; /* on the path of the group */
};

struct work {
	const struct retained_groups *groups;
	const struct folded_paths *paths;
	const struct graph *graph;
	struct group_holders *items;
	size_t cnt;
	struct candidates *candidates; /* by item */
};

/* The index of the item with @group; @cnt if there is none. */
static size_t find_item(const struct work *work, uint32_t group)
{
	size_t i = PARTITION_POINT(item, work->items, work->cnt, item->group < group);

	return i < work->cnt && work->items[i].group == group ? i : work->cnt;
}

/* Roots with the same label are one holder. */
static bool is_same(const struct folded_paths *paths, const struct holder *a,
		    const struct holder *b)
{
	const struct root *roots = paths->roots->roots;

	if (a->root == HOLDER_NONE || b->root == HOLDER_NONE)
		return a->root == b->root && a->path == b->path && a->step.step == b->step.step;
	return roots[a->root].kind == roots[b->root].kind &&
	       roots[a->root].label == roots[b->root].label;
}

static void count_reference(const struct folded_paths *paths, struct candidates *candidates,
			    const struct holder *holder)
{
	for (uint32_t i = 0; i < candidates->cnt; i++) {
		struct candidate *candidate = &candidates->items[i];

		if (!is_same(paths, &candidate->holder, holder))
			continue;
		candidate->reference_cnt++;
		return;
	}
	if (candidates->cnt == CANDIDATES_MAX) {
		candidates->has_more = true;
		return;
	}
	candidates->items[candidates->cnt++] = (struct candidate){*holder, 1};
}

/* Counts the reference from @from by edge @edge. */
static void look_at_edge(const struct work *work, uint32_t from, uint64_t edge)
{
	const struct folded_paths *paths = work->paths;
	uint32_t to = work->graph->edges[edge], group = work->groups->of_nodes[to];
	struct holder holder;
	size_t i;

	if (group == GROUP_NONE || !work->groups->groups[group].is_shared)
		return;
	i = find_item(work, group);
	/* What refers to its own holder is not another one. */
	if (i == work->cnt ||
	    retained_groups__is_within(work->groups, work->groups->of_nodes[from], group))
		return;
	holder = (struct holder){
		.root = HOLDER_NONE,
		.path = paths->of_nodes[from],
		.step = {.step = folded_paths__step(paths, from, edge), .node = to},
	};
	if (!folded_paths__has_step(paths, from, edge)) {
		count_reference(paths, &work->candidates[i], &holder);
		return;
	}
	work->candidates[i].own.holder = holder;
	work->candidates[i].own.reference_cnt++;
}

/* Whether it matters that @group may have another holder: it has one member, which is no root. */
static bool can_be_possible(const struct work *work, uint32_t group)
{
	const struct retained_group *of = &work->groups->groups[group];

	return of->member_cnt == 1 && work->paths->paths[of->path].parent != PATH_NONE;
}

/* Counts root @index as a holder, unless the path of the node begins there. */
static void look_at_root(const struct work *work, size_t index)
{
	const struct folded_paths *paths = work->paths;
	const struct root *root = &paths->roots->roots[index];
	uint32_t group = work->groups->of_nodes[root->node], holder, first;
	size_t i = group == GROUP_NONE ? work->cnt : find_item(work, group);

	if (i == work->cnt)
		return;
	if (retained__is_weak_root(paths->roots, paths->retention, index)) {
		if (can_be_possible(work, group))
			work->items[i].weak_root = (uint32_t)index;
		return;
	}
	if (work->groups->groups[group].is_shared &&
	    retention__holder(paths->retention, root->node, &holder, &first) == RETENTION_OBJECT)
		count_reference(paths, &work->candidates[i],
				&(struct holder){.root = (uint32_t)index, .path = PATH_NONE});
}

static int look_at_edges(const struct work *work)
{
	const struct graph *graph = work->graph;
	int err = 0;

	for (uint32_t from = 0; from < graph->node_cnt && !(err = cpu_allowance__check_round(from));
	     from++) {
		if (work->groups->of_nodes[from] == GROUP_NONE || from == work->groups->interned)
			continue;
		for (uint64_t i = graph->starts[from]; i < graph->starts[from + 1]; i++)
			look_at_edge(work, from, i);
	}
	return err;
}

/* Takes the candidates with the most references. */
static void take_candidates(const struct work *work, struct group_holders *item,
			    struct candidates *candidates)
{
	const struct candidate *own = &candidates->own;

	/* Each member has one reference on its path. */
	if (own->reference_cnt > work->groups->groups[item->group].member_cnt &&
	    candidates->cnt < CANDIDATES_MAX)
		candidates->items[candidates->cnt++] = *own;
	item->cnt = 0;
	item->has_more = candidates->has_more || candidates->cnt > HOLDERS_MAX;
	while (item->cnt < candidates->cnt && item->cnt < HOLDERS_MAX) {
		struct candidate *most = &candidates->items[0];

		for (uint32_t i = 1; i < candidates->cnt; i++)
			if (candidates->items[i].reference_cnt > most->reference_cnt)
				most = &candidates->items[i];
		item->holders[item->cnt++] = most->holder;
		most->reference_cnt = 0;
	}
}

int retained_holders__find(struct group_holders *items, size_t cnt,
			   const struct retained_groups *groups)
{
	const struct graph *graph = groups->paths->graph;
	_cleanup_account_free_ struct candidates *candidates =
		account__calloc(graph->census->heap->account, cnt + 1, sizeof(*candidates));
	struct work work = {
		.groups = groups,
		.paths = groups->paths,
		.graph = graph,
		.items = items,
		.cnt = cnt,
		.candidates = candidates,
	};
	int err;

	if (!candidates)
		return -errno;
	for (size_t i = 0; i < cnt; i++)
		items[i].weak_root = HOLDER_NONE;
	for (size_t i = 0; i < groups->paths->roots->cnt; i++)
		look_at_root(&work, i);
	err = look_at_edges(&work);
	for (size_t i = 0; i < cnt && !err; i++)
		take_candidates(&work, &items[i], &candidates[i]);
	return err;
}
