// SPDX-License-Identifier: BSD-2-Clause
/* The references in a hand-made heap, and what keeps its objects alive. */
#include "census/graph.h"
#include "census/referrers.h"
#include "census/retention.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/path_text.h"
#include "census/referrers.h"
#include "census/retention.h"
#include "fake_objects.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define OUTSIDE 0x7f7700000000UL

struct picture {
	struct world world;
	struct census *census;
	struct graph *graph;
};

static void draw(struct picture *picture, bool with_vias)
{
	picture->census = world__take(&picture->world);
	assert_int_equal(graph__build(&picture->graph, picture->census, with_vias), 0);
}

static void release(struct picture *picture)
{
	graph__free(picture->graph);
	census__free(picture->census);
	world__release(&picture->world);
}

static uint32_t node_at(const struct picture *picture, uint64_t address)
{
	uint32_t node = graph__find(picture->graph, address, true);

	assert_int_not_equal(node, NODE_NONE);
	return node;
}

static bool refers(const struct picture *picture, uint64_t from, uint64_t to)
{
	const struct graph *graph = picture->graph;
	uint32_t node = node_at(picture, from), wanted = graph__find(graph, to, true);

	for (uint64_t i = graph->starts[node]; i < graph->starts[node + 1]; i++)
		if (graph->edges[i] == wanted)
			return true;
	return false;
}

static uint64_t edge_cnt(const struct picture *picture, uint64_t from)
{
	uint32_t node = node_at(picture, from);

	return picture->graph->starts[node + 1] - picture->graph->starts[node];
}

static void test_exact_references(void **state)
{
	struct picture picture;
	struct world *world = &picture.world;
	uint64_t name, text, list, items, tuple, keys, dict, point, table, set;

	(void)state;
	world__make(world);
	name = world__add_text(world, "name");
	text = world__add_text(world, "value");
	/* After the one item that counts there are stale references. */
	items = ADD(world, 32, text, name);
	list = ADD(world, 64, 1, 1, 1, world__class(LIST), 1, items, 4);
	tuple = ADD(world, 80, 1, 1, 1, world__class(TUPLE), 2, list + HEAD, text, name);
	keys = world__add_keys(world, name, tuple + HEAD, text, 0);
	dict = ADD(world, 64, 1, 1, 1, world__class(DICT), 1, 1, keys, 0);
	point = ADD(world, 48, 1, 1, 1, world__class(POINT), dict + HEAD, 0);
	table = ADD(world, 128, text, 7, 0, 0);
	set = ADD(world, 224, 1, 1, 1, world__class(SET), 1, 1, 7, table);
	draw(&picture, false);
	assert_true(refers(&picture, list + HEAD, text));
	assert_true(refers(&picture, list + HEAD, items));
	assert_false(refers(&picture, list + HEAD, name));
	assert_true(refers(&picture, tuple + HEAD, list + HEAD));
	assert_true(refers(&picture, tuple + HEAD, text));
	assert_false(refers(&picture, tuple + HEAD, name));
	assert_int_equal(edge_cnt(&picture, tuple + HEAD), 2);
	assert_true(refers(&picture, dict + HEAD, name));
	assert_true(refers(&picture, dict + HEAD, tuple + HEAD));
	/* An entry whose value was deleted. */
	assert_false(refers(&picture, dict + HEAD, text));
	assert_true(refers(&picture, point + HEAD, dict + HEAD));
	assert_true(refers(&picture, point + HEAD, world__class(POINT)));
	assert_true(refers(&picture, set + HEAD, text));
	assert_int_equal(edge_cnt(&picture, set + HEAD), 2); /* and its table */
	assert_int_equal(edge_cnt(&picture, text), 0);
	release(&picture);
}

/*
 * A list outside of arenas that an object in an arena refers to, and whose items are outside, too.
 */
static void test_objects_outside(void **state)
{
	struct picture picture;
	struct world *world = &picture.world;
	uint64_t text, linked, outside = OUTSIDE + HEAD;
	uint32_t node;

	(void)state;
	world__make(world);
	text = world__add_text(world, "text");
	fake_memory__map(&world->memory, OUTSIDE, 4096);
	memcpy(fake_memory__at(&world->memory, outside, 40),
	       (uint64_t[]){1, world__class(LIST), 1, OUTSIDE + 1024, 1}, 40);
	*fake_memory__word(&world->memory, OUTSIDE + 1024) = text;
	linked = ADD(world, 48, 1, 1, 1, world__class(LINKED), outside, NOWHERE);
	draw(&picture, false);
	assert_true(refers(&picture, linked + HEAD, outside));
	assert_true(refers(&picture, outside, text));
	node = node_at(&picture, outside);
	assert_true(node >= picture.census->blocks.place_cnt);
	assert_int_equal(graph__address(picture.graph, node), outside);
	assert_int_equal(graph__block_bytes(picture.graph, node), 0);
	assert_string_equal(
		type_table__at(picture.census->types, graph__type(picture.graph, node))->name,
		"list");
	/* A block that is not an object has no edges. */
	assert_int_equal(edge_cnt(&picture, linked + HEAD), 1);
	release(&picture);
}

static void check_path(const struct picture *picture, const struct roots *roots,
		       struct retention *retention, uint64_t to, const char *wanted)
{
	_cleanup_(retention_path__release) struct retention_path path = {};
	_cleanup_free_ char *text = NULL;
	uint32_t node = node_at(picture, to);

	assert_int_equal(retention__learn(retention, &node, 1), 0);
	assert_int_equal(retention__path(retention, node, &path), 0);
	if (!wanted) {
		assert_int_equal(path.step_cnt, 0);
		return;
	}
	assert_int_equal(path_text__make(&text, picture->graph, roots, &path,
					 &(struct path_text_options){}),
			 0);
	assert_string_equal(text, wanted);
}

/* The shortest path wins, but a path from a module is preferred to all others. */
static void test_retention(void **state)
{
	struct picture picture;
	struct world *world = &picture.world;
	_cleanup_(retention__freep) struct retention *retention = NULL;
	_cleanup_account_free_ uint8_t *dominated = NULL;
	uint64_t name, text, other, list, items, keys, dict, cycle;
	struct root all[2];
	char *labels[] = {"module", "/lib/some.so"};
	struct roots roots = {.roots = all, .cnt = 2, .labels = labels, .label_cnt = 2};
	uint32_t node;

	(void)state;
	world__make(world);
	name = world__add_text(world, "name");
	text = world__add_text(world, "value");
	other = world__add_text(world, "other");
	items = ADD(world, 32, text, other);
	list = ADD(world, 64, 1, 1, 1, world__class(LIST), 2, items, 2);
	keys = world__add_keys(world, name, list + HEAD, text, other);
	dict = ADD(world, 64, 1, 1, 1, world__class(DICT), 2, 1, keys, 0);
	cycle = ADD(world, 48, 1, 1, 1, world__class(LINKED), 0, 0);
	*fake_memory__word(&world->memory, cycle + HEAD + 16) = cycle + HEAD;
	draw(&picture, false);
	all[0] = (struct root){.node = node_at(&picture, dict + HEAD), .kind = ROOT_MODULE};
	all[1] = (struct root){.node = node_at(&picture, list + HEAD),
			       .kind = ROOT_DATA,
			       .label = 1};
	assert_int_equal(retention__new(&retention, picture.graph, &roots), 0);
	check_path(&picture, &roots, retention, dict + HEAD, "module");
	check_path(&picture, &roots, retention, list + HEAD, "module['name']");
	check_path(&picture, &roots, retention, other, "module['value']");
	check_path(&picture, &roots, retention, name, "list(module)[0]");
	check_path(&picture, &roots, retention, items, "module['name']");
	check_path(&picture, &roots, retention, cycle + HEAD, NULL);
	/* All parts of the dict except those that the other root reaches, too. */
	node = node_at(&picture, dict + HEAD);
	assert_int_equal(retention__dominated(retention, node, &dominated), 0);
	assert_true(dominated[node / 8] >> node % 8 & 1);
	node = node_at(&picture, name);
	assert_true(dominated[node / 8] >> node % 8 & 1);
	node = node_at(&picture, list + HEAD);
	assert_false(dominated[node / 8] >> node % 8 & 1);
	retention__free(TAKE_PTR(retention));
	/* Without the module. */
	roots.roots++;
	roots.cnt = 1;
	assert_int_equal(retention__new(&retention, picture.graph, &roots), 0);
	check_path(&picture, &roots, retention, other, "<static data of /lib/some.so>[1]");
	check_path(&picture, &roots, retention, dict + HEAD, NULL);
	release(&picture);
}

static void test_referrers(void **state)
{
	_cleanup_(referrers__release) struct referrers referrers = {}, vias = {};
	struct picture picture, named;
	struct world *world = &picture.world;
	uint64_t text, other, tuple, items;
	const struct referrer_set *set;

	(void)state;
	world__make(world);
	text = world__add_text(world, "text");
	other = world__add_text(world, "other");
	tuple = ADD(world, 64, 1, 1, 1, world__class(TUPLE), 2, text, other);
	items = ADD(world, 32, text, text);
	ADD(world, 64, 1, 1, 1, world__class(LIST), 2, items, 2);
	draw(&picture, false);
	assert_int_equal(referrers__find(&referrers, picture.graph, &(struct roots){}, false), 0);
	set = &referrers.sets[referrers.of_places[node_at(&picture, text)]];
	assert_int_equal(set->cnt, 2); /* the tuple and the list */
	set = &referrers.sets[referrers.of_places[node_at(&picture, other)]];
	assert_int_equal(set->cnt, 1);
	assert_int_equal(referrers.items[set->first],
			 graph__kind(picture.graph, node_at(&picture, tuple + HEAD)));
	set = &referrers.sets[referrers.of_places[node_at(&picture, tuple + HEAD)]];
	assert_int_equal(set->cnt, 0);
	named = picture;
	assert_int_equal(graph__build(&named.graph, named.census, true), 0);
	assert_int_equal(referrers__find(&vias, named.graph, &(struct roots){}, false), 0);
	set = &vias.sets[vias.of_places[node_at(&named, other)]];
	assert_int_equal(set->cnt, 1);
	assert_string_equal(vias.names.texts[vias.items[set->first]], "[1]");
	graph__free(named.graph);
	release(&picture);
}

/* The items of a list share a via when these are folded; attributes and keys keep their names. */
static void test_folded_vias(void **state)
{
	static const struct {
		enum graph_vias vias;
		size_t index_cnt;
	} ways[] = {{VIAS_ALL, 8}, {VIAS_FOLDED, 1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		size_t cnts[REFERS_TO_BUFFER + 1] = {};
		struct picture picture;
		uint64_t texts[8], name, list;

		world__make(&picture.world);
		for (size_t t = 0; t < ARRAY_SIZE(texts); t++)
			texts[t] = world__add_text(&picture.world, "text");
		name = world__add_text(&picture.world, "name");
		list = world__add_list(&picture.world, texts, ARRAY_SIZE(texts));
		world__add_dict(&picture.world, name, list, texts[0], name);
		picture.census = world__take(&picture.world);
		assert_int_equal(graph__build(&picture.graph, picture.census, ways[i].vias), 0);
		for (size_t v = 0; v < picture.graph->via_cnt; v++)
			cnts[picture.graph->vias[v].how]++;
		assert_int_equal(cnts[REFERS_BY_INDEX], ways[i].index_cnt);
		assert_int_equal(cnts[REFERS_BY_KEY], 2);
		release(&picture);
	}
}

static void test_too_much(void **state)
{
	struct picture picture;
	struct world *world = &picture.world;
	struct graph *graph;
	uint64_t text;

	(void)state;
	world__make(world);
	text = world__add_text(world, "text");
	for (int i = 0; i < 60; i++)
		ADD(world, 64, 1, 1, 1, world__class(TUPLE), 4, text, text, text, text);
	picture.census = world__take(world);
	world->memory.error = -ESRCH;
	assert_int_equal(graph__build(&graph, picture.census, false), -ESRCH);
	picture.graph = NULL;
	release(&picture);
}

/*
 * Takes a census, builds its graph and the results from it, with an account in which the @nth
 * allocation is refused.
 */
static int make_all(struct world *world, uint64_t nth)
{
	const struct root roots_of[] = {{.node = 0, .kind = ROOT_DATA}};
	const struct roots roots = {.roots = (struct root *)roots_of, .cnt = 1};
	struct retention *retention = NULL;
	struct referrers referrers = {};
	struct census_rows rows = {};
	struct census *census = NULL;
	struct graph *graph = NULL;
	struct account *account;
	int err;

	assert_int_equal(account__new(&account, UINT64_MAX, NULL), 0);
	account__refuse_nth(account, nth);
	world->heap->account = account;
	world->memory.memory.account = account;
	err = world__try(world, &census);
	if (!err)
		err = graph__build(&graph, census, true);
	if (!err)
		err = retention__new(&retention, graph, &roots);
	if (!err)
		err = referrers__find(&referrers, graph, &roots, false);
	if (!err)
		err = census__count(census, BY_REFERRERS, &referrers, &rows);
	census_rows__release(&rows);
	referrers__release(&referrers);
	retention__free(retention);
	graph__free(graph);
	census__free(census);
	assert_int_equal(account__usage(account).used_bytes, 0);
	assert_int_equal(account__usage(account).refused, err != 0);
	world->heap->account = NULL;
	world->memory.memory.account = NULL;
	account__close(account);
	return err;
}

/* Whichever allocation is refused, everything fails with that error and leaks nothing. */
static void test_every_refusal_is_survived(void **state)
{
	struct world world;
	uint64_t nth = 1, text;
	int err;

	(void)state;
	world__make(&world);
	text = world__add_text(&world, "text");
	for (int i = 0; i < 60; i++)
		ADD(&world, 64, 1, 1, 1, world__class(TUPLE), 4, text, text, text, text);
	while ((err = make_all(&world, nth))) {
		assert_int_equal(err, -EDQUOT);
		nth++;
	}
	assert_true(nth > 20);
	world__release(&world);
}

/* Whatever blocks contain, it terminates, and every edge leads to an existing node. */
static void test_nonsense(void **state)
{
	uint64_t random = 11;

	(void)state;
	for (int round = 0; round < 50; round++) {
		_cleanup_(referrers__release) struct referrers referrers = {};
		_cleanup_(retention__freep) struct retention *retention = NULL;
		struct root first = {};
		char *label = "root";
		struct roots roots = {.roots = &first, .cnt = 1, .labels = &label, .label_cnt = 1};
		struct picture picture;

		world__make(&picture.world);
		world__add_nonsense(&picture.world, &random);
		draw(&picture, true);
		for (uint64_t i = 0; i < picture.graph->starts[picture.graph->node_cnt]; i++)
			assert_int_not_equal(block_kind__role(graph__kind(picture.graph,
									  picture.graph->edges[i])),
					     BLOCK_FREE);
		assert_int_equal(referrers__find(&referrers, picture.graph, &roots, false), 0);
		assert_int_equal(retention__new(&retention, picture.graph, &roots), 0);
		for (uint32_t node = 0; node < picture.graph->node_cnt; node++) {
			_cleanup_(retention_path__release) struct retention_path path = {};
			_cleanup_free_ char *text = NULL;

			assert_int_equal(retention__learn(retention, &node, 1), 0);
			assert_int_equal(retention__path(retention, node, &path), 0);
			if (path.step_cnt)
				assert_int_equal(path_text__make(&text, picture.graph, &roots,
								 &path,
								 &(struct path_text_options){}),
						 0);
		}
		release(&picture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact_references),
		cmocka_unit_test(test_objects_outside),
		cmocka_unit_test(test_retention),
		cmocka_unit_test(test_referrers),
		cmocka_unit_test(test_every_refusal_is_survived),
		cmocka_unit_test(test_folded_vias),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
