// SPDX-License-Identifier: BSD-2-Clause
#include "census/referrers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/via.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"
#include "util/hash.h"
#include "util/hash_map.h"
#include "util/id_table.h"

/* Which set results when an item is added to a set. */
struct joining {
	uint64_t key; /* of the set and the item: joining_key() */
	uint32_t result;
};

struct work {
	struct account *account;
	struct referrers *referrers;
	struct id_table sets; /* by their items */
	uint32_t *via_names;  /* for each via of the graph: index of its name */
	struct hash_map joinings;
};

struct items {
	uint32_t items[REFERRERS_MAX + 1];
	uint32_t cnt;
};

void referrers__release(struct referrers *referrers)
{
	account__free(referrers->sets);
	account__free(referrers->items);
	account__free(referrers->of_places);
	string_table__release(&referrers->names);
	*referrers = (struct referrers){};
}

static bool has_items(const void *owner, uint32_t id, const void *key)
{
	const struct referrers *referrers = owner;
	const struct referrer_set *set = &referrers->sets[id];
	const struct items *items = key;

	return set->cnt == items->cnt && !memcmp(&referrers->items[set->first], items->items,
						 items->cnt * sizeof(*items->items));
}

static int find_set(struct work *work, const struct items *items, uint32_t *out)
{
	struct referrers *referrers = work->referrers;
	uint64_t hash = hash__bytes(items->items, items->cnt * sizeof(*items->items));
	int err;

	*out = id_table__find(&work->sets, hash, has_items, referrers, items);
	if (*out != ID_TABLE_NONE)
		return 0;
	err = ACCOUNT_RESERVE(work->account, referrers->items, referrers->item_capacity,
			      referrers->item_cnt + items->cnt + 1);
	if (!err)
		err = ID_TABLE_APPEND(&work->sets, hash, referrers->sets, referrers->set_capacity,
				      referrers->set_cnt);
	if (err)
		return err;
	*out = (uint32_t)referrers->set_cnt;
	referrers->sets[referrers->set_cnt++] =
		(struct referrer_set){.first = (uint32_t)referrers->item_cnt, .cnt = items->cnt};
	memcpy(&referrers->items[referrers->item_cnt], items->items,
	       items->cnt * sizeof(*items->items));
	referrers->item_cnt += items->cnt;
	return 0;
}

/* Adds @item to @items, or REFERRER_MORE if there are too many. */
static void insert(struct items *items, uint32_t item)
{
	uint32_t at = items->cnt;

	for (uint32_t i = 0; i < items->cnt; i++)
		if (items->items[i] == item || items->items[i] == REFERRER_MORE)
			return;
	if (items->cnt == REFERRERS_MAX)
		item = REFERRER_MORE;
	for (; at && items->items[at - 1] > item; at--)
		items->items[at] = items->items[at - 1];
	items->items[at] = item;
	items->cnt++;
}

/* Never 0: a set's number is below ID_TABLE_NONE. */
static uint64_t joining_key(uint32_t set, uint32_t item)
{
	return ((uint64_t)set + 1) << 32 | item;
}

/* Computes the set that results from adding @item to @set, and records it. */
static int join_anew(struct work *work, uint32_t *set, uint32_t item)
{
	const struct referrers *referrers = work->referrers;
	const struct referrer_set *joined = &referrers->sets[*set];
	struct items items = {.cnt = joined->cnt};
	struct joining *joining;
	uint32_t result;
	int err;

	memcpy(items.items, &referrers->items[joined->first], joined->cnt * sizeof(*items.items));
	insert(&items, item);
	err = find_set(work, &items, &result);
	if (err)
		return err;
	joining = hash_map__add(&work->joinings, joining_key(*set, item));
	if (!joining)
		return -errno;
	joining->result = *set = result;
	return 0;
}

static int join(struct work *work, uint32_t *set, uint32_t item)
{
	const struct joining *joining = hash_map__find(&work->joinings, joining_key(*set, item));

	if (!joining)
		return join_anew(work, set, item);
	*set = joining->result;
	return 0;
}

static int join_edges(struct work *work, const struct graph *graph)
{
	uint32_t place_cnt = graph->census->blocks.place_cnt;
	int err = 0;

	for (uint32_t from = 0; from < graph->node_cnt && !err; from++) {
		uint32_t kind = graph__kind(graph, from);

		err = cpu_allowance__check();
		for (uint64_t i = graph->starts[from]; i < graph->starts[from + 1] && !err; i++)
			/* References of an object to itself do not count. */
			if (graph->edges[i] < place_cnt && graph->edges[i] != from)
				err = join(work, &work->referrers->of_places[graph->edges[i]],
					   work->via_names ? work->via_names[graph->edge_vias[i]]
							   : kind);
	}
	return err;
}

static int join_roots(struct work *work, const struct graph *graph, const struct roots *roots)
{
	int err = 0;

	for (size_t i = 0; i < roots->cnt && !err; i++)
		if (roots->roots[i].node < graph->census->blocks.place_cnt)
			err = join(work, &work->referrers->of_places[roots->roots[i].node],
				   REFERRER_ROOT);
	return err;
}

/* Names the vias; those with equal names share one. */
static int name_vias(struct work *work, const struct graph *graph, bool no_values)
{
	struct referrers *referrers = work->referrers;
	int err = 0;

	referrers->names.ids.map.account = work->account;
	work->via_names =
		account__calloc(work->account, graph->via_cnt + 1, sizeof(*work->via_names));
	if (!work->via_names)
		return -errno;
	for (size_t i = 0; i < graph->via_cnt && err >= 0; i++) {
		_cleanup_free_ char *name = NULL;

		err = via__name(&name, graph, &graph->vias[i], no_values);
		if (!err)
			err = string_table__add(&referrers->names, name, &work->via_names[i]);
	}
	id_table__release(&referrers->names.ids);
	return err < 0 ? err : 0;
}

int referrers__find(struct referrers *out, const struct graph *graph, const struct roots *roots,
		    bool no_values)
{
	_cleanup_(referrers__release) struct referrers referrers = {};
	struct account *account = graph->census->heap->account;
	struct work work = {.account = account,
			    .referrers = &referrers,
			    .sets.map.account = account,
			    .joinings = {.entry_bytes = sizeof(struct joining),
					 .account = account}};
	uint32_t empty;
	int err;

	referrers.of_places =
		account__calloc(account, graph->census->blocks.place_cnt + 1UL, sizeof(uint32_t));
	if (!referrers.of_places)
		return -errno;
	err = find_set(&work, &(struct items){}, &empty);
	if (!err && graph->edge_vias)
		err = name_vias(&work, graph, no_values);
	if (!err)
		err = join_edges(&work, graph);
	if (!err)
		err = join_roots(&work, graph, roots);
	account__free(work.via_names);
	id_table__release(&work.sets);
	hash_map__release(&work.joinings);
	if (err)
		return err;
	*out = referrers;
	referrers = (struct referrers){};
	return 0;
}
