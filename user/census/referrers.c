// SPDX-License-Identifier: BSD-2-Clause
#include "census/referrers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/via.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"
#include "util/id_table.h"

/* Which set becomes of a set when a kind joins it. */
struct joining {
	uint32_t set, item, result;
};

struct work {
	struct account *account;
	struct referrers *referrers;
	struct id_table sets; /* by their items */
	uint32_t *via_names;  /* of each of the graph's vias: its name's number */
	struct joining *joinings;
	size_t joining_cnt, joining_capacity;
	struct id_table joining_ids;
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
	for (size_t i = 0; i < referrers->name_cnt; i++)
		account__free(referrers->names[i]);
	account__free(referrers->names);
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

static bool is_joining(const void *owner, uint32_t id, const void *key)
{
	const struct work *work = owner;
	const struct joining *wanted = key;

	return work->joinings[id].set == wanted->set && work->joinings[id].item == wanted->item;
}

static int find_set(struct work *work, const struct items *items, uint32_t *out)
{
	struct referrers *referrers = work->referrers;
	uint32_t hash = id_table__hash(items->items, items->cnt * sizeof(*items->items));
	int err;

	*out = id_table__find(&work->sets, hash, has_items, referrers, items);
	if (*out != ID_TABLE_NONE)
		return 0;
	err = ACCOUNT_RESERVE(work->account, referrers->sets, referrers->set_capacity,
			      referrers->set_cnt + 1);
	if (!err)
		err = ACCOUNT_RESERVE(work->account, referrers->items, referrers->item_capacity,
				      referrers->item_cnt + items->cnt + 1);
	if (!err)
		err = id_table__add(&work->sets, hash, referrers->set_cnt);
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

/* The items of a set, and @item. */
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

/* Computes what joins, and remembers it. */
static int join_anew(struct work *work, struct joining *joining, uint32_t hash)
{
	const struct referrers *referrers = work->referrers;
	const struct referrer_set *set = &referrers->sets[joining->set];
	struct items items = {.cnt = set->cnt};
	int err;

	memcpy(items.items, &referrers->items[set->first], set->cnt * sizeof(*items.items));
	insert(&items, joining->item);
	err = find_set(work, &items, &joining->result);
	if (!err)
		err = ACCOUNT_RESERVE(work->account, work->joinings, work->joining_capacity,
				      work->joining_cnt + 1);
	if (!err)
		err = id_table__add(&work->joining_ids, hash, work->joining_cnt);
	if (!err)
		work->joinings[work->joining_cnt++] = *joining;
	return err;
}

static int join(struct work *work, uint32_t *set, uint32_t item)
{
	struct joining joining = {.set = *set, .item = item};
	uint32_t hash = id_table__hash(&joining, 2 * sizeof(uint32_t)),
		 id = id_table__find(&work->joining_ids, hash, is_joining, work, &joining);
	int err = 0;

	if (id == ID_TABLE_NONE)
		err = join_anew(work, &joining, hash);
	else
		joining.result = work->joinings[id].result;
	if (!err)
		*set = joining.result;
	return err;
}

static int join_edges(struct work *work, const struct graph *graph)
{
	uint32_t place_cnt = graph->census->blocks.place_cnt;
	int err = 0;

	for (uint32_t from = 0; from < graph->node_cnt && !err; from++) {
		uint32_t kind = graph__kind(graph, from);

		err = cpu_allowance__check();
		for (uint64_t i = graph->starts[from]; i < graph->starts[from + 1] && !err; i++)
			/* Nothing is held by itself. */
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

static bool is_name(const void *owner, uint32_t id, const void *key)
{
	return !strcmp(((const struct referrers *)owner)->names[id], key);
}

/* Frees @name. */
static int find_name(struct referrers *referrers, struct id_table *ids, char *name, uint32_t *out)
{
	_cleanup_free_ char *owned = name;
	uint32_t hash = id_table__hash(name, strlen(name));
	_cleanup_account_free_ char *kept = NULL;
	int err;

	*out = id_table__find(ids, hash, is_name, referrers, name);
	if (*out != ID_TABLE_NONE)
		return 0;
	kept = account__strdup(ids->account, owned);
	if (!kept)
		return -errno;
	err = id_table__add(ids, hash, referrers->name_cnt);
	if (err)
		return err;
	*out = (uint32_t)referrers->name_cnt;
	referrers->names[referrers->name_cnt++] = TAKE_PTR(kept);
	return 0;
}

/* The names of vias: the same name for what is called the same. */
static int name_vias(struct work *work, const struct graph *graph, bool no_values)
{
	struct referrers *referrers = work->referrers;
	struct id_table ids = {.account = work->account};
	int err = 0;

	referrers->names =
		account__calloc(work->account, graph->via_cnt + 1, sizeof(*referrers->names));
	if (referrers->names)
		work->via_names = account__calloc(work->account, graph->via_cnt + 1,
						  sizeof(*work->via_names));
	if (!work->via_names)
		return -errno;
	for (size_t i = 0; i < graph->via_cnt && !err; i++) {
		char *name;

		err = via__name(&name, graph, &graph->vias[i], no_values);
		if (!err)
			err = find_name(referrers, &ids, name, &work->via_names[i]);
	}
	id_table__release(&ids);
	return err;
}

int referrers__find(struct referrers *out, const struct graph *graph, const struct roots *roots,
		    bool no_values)
{
	_cleanup_(referrers__release) struct referrers referrers = {};
	struct account *account = graph->census->heap->account;
	struct work work = {.account = account,
			    .referrers = &referrers,
			    .sets.account = account,
			    .joining_ids.account = account};
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
	account__free(work.joinings);
	account__free(work.via_names);
	id_table__release(&work.sets);
	id_table__release(&work.joining_ids);
	if (err)
		return err;
	*out = referrers;
	referrers = (struct referrers){};
	return 0;
}
