// SPDX-License-Identifier: BSD-2-Clause
#include "census/retained_groups.h"

#include <errno.h>

#include "util/cleanup.h"
#include "util/cpu_allowance.h"

#define GROUPS_MAX (1UL << 20)

struct group_place {
	uint64_t key; /* group_key() */
	uint32_t group;
};

struct work {
	struct retained_groups *groups;
	const struct graph *graph;
	const struct retained *retained; /* without parents[], which becomes of_nodes[] */
	const struct folded_paths *paths;
	struct account *account;
	struct hash_map by_path; /* groups by the group of the dominator and the path */
};

void retained_groups__release(struct retained_groups *groups)
{
	account__free(groups->groups);
	account__free(groups->of_nodes);
	*groups = (struct retained_groups){};
}

bool retained_groups__is_within(const struct retained_groups *groups, uint32_t group,
				uint32_t above)
{
	while (group > above)
		group = groups->groups[group].parent;
	return group == above;
}

/* Never 0. */
static uint64_t group_key(uint32_t dominator, uint32_t path)
{
	return (dominator + 1UL) << 32 | path;
}

/* Members are held by another group than the one that dominates them. */
static bool is_shared(const struct work *work, uint32_t dominator, uint32_t path)
{
	const struct folded_path *paths = work->paths->paths;
	uint32_t before = paths[path].parent;

	return (before == PATH_NONE ? PATH_NONE : paths[before].shown) !=
	       work->groups->groups[dominator].path;
}

static int append_group(struct work *work, uint32_t parent, uint32_t path, uint32_t *out)
{
	struct retained_groups *groups = work->groups;
	int err = ACCOUNT_RESERVE(work->account, groups->groups, groups->capacity, groups->cnt + 1);

	if (err)
		return err;
	*out = (uint32_t)groups->cnt++;
	groups->groups[*out] = (struct retained_group){
		.parent = parent,
		.path = path,
		.type = TYPE_NONE,
		.is_shared = path != PATH_NONE && is_shared(work, parent, path),
	};
	if (path != PATH_NONE)
		groups->groups[parent].child_cnt++;
	return 0;
}

/* The group for @path at or above @group; GROUP_NONE if there is none. */
static uint32_t find_above(const struct work *work, uint32_t group, uint32_t path)
{
	for (; group != GROUP_ROOT; group = work->groups->groups[group].parent)
		if (work->groups->groups[group].path == path)
			return group;
	return GROUP_NONE;
}

static int find_new_group(struct work *work, uint32_t dominator, uint32_t path, uint32_t *out)
{
	struct group_place *place;
	uint32_t group = find_above(work, dominator, path);
	int err = 0;

	if (group == GROUP_NONE && work->groups->cnt >= GROUPS_MAX) {
		work->groups->refused_cnt++;
		*out = dominator;
		return 0;
	}
	if (group == GROUP_NONE)
		err = append_group(work, dominator, path, &group);
	if (err)
		return err;
	place = hash_map__add(&work->by_path, group_key(dominator, path));
	if (!place)
		return -errno;
	place->group = *out = group;
	return 0;
}

/* Finds the group of members with @path, whose dominators are in group @dominator. */
static int find_group(struct work *work, uint32_t dominator, uint32_t path, uint32_t *out)
{
	const struct group_place *place =
		hash_map__find(&work->by_path, group_key(dominator, path));

	if (!place)
		return find_new_group(work, dominator, path, out);
	*out = place->group;
	return 0;
}

static void count_member(struct retained_group *group, uint32_t type)
{
	group->type = !group->member_cnt || group->type == type ? type : TYPE_NONE;
	group->member_cnt++;
}

static int add_node(struct work *work, uint32_t node)
{
	struct retained_groups *groups = work->groups;
	/* Its dominator so far. The group of that is known. */
	uint32_t parent = groups->of_nodes[node];
	uint32_t above = parent == DOMINATOR_ROOT ? GROUP_ROOT : groups->of_nodes[parent];
	uint32_t path = work->paths->of_nodes[node], group = GROUP_ROOT;
	uint32_t shown = work->paths->paths[path].shown;
	int err = find_group(work, above, shown, &group);

	if (err)
		return err;
	groups->of_nodes[node] = group;
	if (path == shown)
		count_member(&groups->groups[group], graph__type(work->graph, node));
	groups->groups[group].own.cnt++;
	groups->groups[group].own.bytes += work->retained->bytes[node];
	groups->groups[above].own.bytes -= work->retained->bytes[node];
	return 0;
}

static int add_nodes(struct work *work)
{
	const struct dominators *dominators = &work->retained->dominators;
	int err = 0;

	for (uint32_t i = 0; i < dominators->reached_cnt && !err; i++) {
		err = cpu_allowance__check_round(i);
		if (!err)
			err = add_node(work, dominators->order[i]);
	}
	/* What all roots retain was subtracted from it. */
	work->groups->groups[GROUP_ROOT].own.bytes = 0;
	return err;
}

static void add_outside(const struct work *work, const uint64_t *outside_bytes)
{
	struct retained_groups *groups = work->groups;

	for (size_t i = 0; outside_bytes && i < work->graph->outside_cnt; i++) {
		uint32_t owner = retained__owner(work->graph, i, outside_bytes[i]);

		if (owner != NODE_NONE && groups->of_nodes[owner] != GROUP_NONE)
			groups->groups[groups->of_nodes[owner]].own.outside_bytes +=
				outside_bytes[i];
	}
}

static void sum_up(struct retained_groups *groups)
{
	for (size_t i = groups->cnt; i--;) {
		struct retained_group *group = &groups->groups[i];
		struct group_sum *above = &groups->groups[group->parent].retained;

		group->retained.cnt += group->own.cnt;
		group->retained.bytes += group->own.bytes;
		group->retained.outside_bytes += group->own.outside_bytes;
		if (i == GROUP_ROOT)
			continue;
		above->cnt += group->retained.cnt;
		above->bytes += group->retained.bytes;
		above->outside_bytes += group->retained.outside_bytes;
	}
}

static int find(struct work *work, const uint64_t *outside_bytes)
{
	struct retained_groups *groups = work->groups;
	uint32_t root;
	int err = append_group(work, GROUP_ROOT, PATH_NONE, &root);

	if (!err)
		err = add_nodes(work);
	if (err)
		return err;
	add_outside(work, outside_bytes);
	sum_up(groups);
	return 0;
}

/* Nodes without a dominator have no group. */
_Static_assert(DOMINATOR_NONE == GROUP_NONE, "the same value");

int retained_groups__find(struct retained_groups *out, struct retained *retained,
			  const struct folded_paths *paths, const uint64_t *outside_bytes)
{
	_cleanup_(retained_groups__release) struct retained_groups groups = {
		.paths = paths,
		.of_nodes = TAKE_PTR(retained->dominators.parents),
		.interned = retained->interned,
	};
	struct account *account = paths->graph->census->heap->account;
	struct work work = {
		.groups = &groups,
		.graph = paths->graph,
		.retained = retained,
		.paths = paths,
		.account = account,
		.by_path = {.entry_bytes = sizeof(struct group_place), .account = account},
	};
	int err = find(&work, outside_bytes);

	hash_map__release(&work.by_path);
	retained__release(retained);
	if (err)
		return err;
	*out = groups;
	groups = (struct retained_groups){};
	return 0;
}
