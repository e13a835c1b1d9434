// SPDX-License-Identifier: BSD-2-Clause
/* What the objects of a hand-made heap retain, and the tree of it. */
#include "census/retained.h"
#include "census/retained_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_objects.h"
#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define OUTSIDE	   0x7f7700000000UL
#define ROOTS_MAX  16
#define TEXT_BYTES 64
#define DICT_BYTES (64 + 112) /* and its keys */

struct picture {
	struct world world;
	struct census *census;
	struct graph *graph;
	struct retention *retention;
	struct root items[ROOTS_MAX];
	char *labels[ROOTS_MAX];
	struct roots roots;
	enum graph_vias vias;
};

static void begin(struct picture *picture)
{
	*picture = (struct picture){.vias = VIAS_FOLDED};
	world__make(&picture->world);
}

/* Takes a census with the roots at @addresses, modules with these names; ended by 0. */
static void draw(struct picture *picture, const uint64_t *addresses, const char *const *names)
{
	struct roots *roots = &picture->roots;

	picture->census = world__take(&picture->world);
	assert_int_equal(graph__build(&picture->graph, picture->census, picture->vias), 0);
	*roots = (struct roots){.roots = picture->items, .labels = picture->labels};
	for (; addresses[roots->cnt]; roots->cnt++) {
		uint32_t node = graph__find(picture->graph, addresses[roots->cnt], true);

		assert_int_not_equal(node, NODE_NONE);
		picture->items[roots->cnt] = (struct root){.node = node,
							   .kind = ROOT_MODULE,
							   .label = (uint32_t)roots->cnt};
		picture->labels[roots->cnt] = (char *)names[roots->cnt];
	}
	roots->label_cnt = roots->cnt;
	assert_int_equal(retention__new(&picture->retention, picture->graph, roots), 0);
}

static void release(struct picture *picture)
{
	retention__free(picture->retention);
	graph__free(picture->graph);
	census__free(picture->census);
	world__release(&picture->world);
}

static void make_tree(const struct picture *picture, struct retained_tree *tree)
{
	const struct retained_tree_options options = {.depth = 100};

	assert_int_equal(retained_tree__make(tree, picture->graph, &picture->roots,
					     picture->retention, NULL, &options),
			 0);
}

static const struct retained_row *find_row(const struct retained_tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->cnt; i++)
		if (tree->rows[i].path && !strcmp(tree->rows[i].path, path))
			return &tree->rows[i];
	for (size_t i = 0; i < tree->cnt; i++)
		fprintf(stderr, "%*s%s\n", (int)tree->rows[i].depth, "",
			tree->rows[i].path ? tree->rows[i].path : "(others)");
	fail_msg("no row %s", path);
	return NULL;
}

/* The last row of objects that several paths lead to. */
static const struct retained_row *find_shared(const struct retained_tree *tree)
{
	const struct retained_row *row = NULL;

	for (size_t i = 0; i < tree->cnt; i++)
		if (tree->rows[i].is_shared)
			row = &tree->rows[i];
	assert_non_null(row);
	return row;
}

static void check_row(const struct retained_tree *tree, const char *path, uint64_t bytes,
		      uint64_t cnt, uint64_t member_cnt)
{
	const struct retained_row *row = find_row(tree, path);

	assert_int_equal(row->retained.bytes, bytes);
	assert_int_equal(row->retained.cnt, cnt);
	assert_int_equal(row->member_cnt, member_cnt);
}

static void check_node(const struct picture *picture, const struct retained *retained,
		       uint64_t address, uint64_t bytes)
{
	uint32_t node = graph__find(picture->graph, address, true);

	assert_int_equal(retained->bytes[node], bytes);
}

/* A list retains what it alone holds; a text that a second root holds is not retained by it. */
static void test_bytes_of_nodes(void **state)
{
	_cleanup_(retained__release) struct retained retained = {};
	struct picture picture;
	struct world *world = &picture.world;
	uint64_t own, shared, list, garbage;

	(void)state;
	begin(&picture);
	own = world__add_text(world, "own");
	shared = world__add_text(world, "shared");
	list = world__add_list(world, (uint64_t[]){own, shared}, 2);
	garbage = world__add_list(world, (uint64_t[]){own}, 1);
	draw(&picture, (uint64_t[]){list, shared, 0}, (const char *[]){"list", "shared"});
	assert_int_equal(retained__find(&retained, picture.graph, &picture.roots, picture.retention,
					NULL),
			 0);
	check_node(&picture, &retained, own, TEXT_BYTES);
	check_node(&picture, &retained, shared, TEXT_BYTES);
	check_node(&picture, &retained, list, 64 + 16 + TEXT_BYTES);
	check_node(&picture, &retained, garbage, 64);
	assert_int_equal(retained.total.bytes, 2 * TEXT_BYTES + 2 * (64 + 16));
	assert_int_equal(retained.total.cnt, 6);
	assert_int_equal(retained.unreached.bytes, 64 + 16);
	assert_int_equal(retained.unreached.cnt, 2);
	release(&picture);
}

/* Items outside of arenas are a part of their list; those that two lists claim are nobody's. */
static void test_buffers_outside(void **state)
{
	const uint64_t outside_bytes[] = {1000, 300};
	_cleanup_(retained__release) struct retained retained = {};
	struct picture picture;
	struct world *world = &picture.world;
	uint64_t text, lists[3], top;

	(void)state;
	begin(&picture);
	text = world__add_text(world, "text");
	fake_memory__map(&world->memory, OUTSIDE, 4096);
	*fake_memory__word(&world->memory, OUTSIDE) = text;
	*fake_memory__word(&world->memory, OUTSIDE + 1024) = text;
	for (int i = 0; i < 3; i++)
		lists[i] = ADD(world, 64, 1, 1, 1, world__class(LIST), 1,
			       i ? OUTSIDE + 1024 : OUTSIDE, 1) +
			   HEAD;
	top = world__add_list(world, lists, 3);
	draw(&picture, (uint64_t[]){top, 0}, (const char *[]){"top"});
	assert_int_equal(picture.graph->outside_cnt, 2);
	assert_int_equal(retained__find(&retained, picture.graph, &picture.roots, picture.retention,
					outside_bytes),
			 0);
	check_node(&picture, &retained, lists[0], 64 + 1000);
	check_node(&picture, &retained, lists[1], 64);
	assert_int_equal(retained.unowned_bytes, 300);
	assert_int_equal(retained.total.bytes, 4 * 64 + 32 + TEXT_BYTES + 1300);
	release(&picture);
}

static uint64_t add_point(struct world *world, uint64_t dict)
{
	return ADD(world, 48, 1, 1, 1, world__class(POINT), dict, 0) + HEAD;
}

/*
 * Two keys of the root's dict, of which one leads to nearly all; instances that are alike, whose
 * dicts are parts of them.
 */
static void check_tree(enum graph_vias vias)
{
	_cleanup_(retained_tree__release) struct retained_tree tree = {};
	struct picture picture;
	struct world *world = &picture.world;
	uint64_t points[10], name, store, other, top;
	const struct retained_row *row;

	begin(&picture);
	picture.vias = vias;
	name = world__add_text(world, "name");
	for (int i = 0; i < 10; i++)
		points[i] =
			add_point(world, world__add_dict(world, name,
							 world__add_text(world, "value"), name, 0));
	store = world__add_list(world, points, 10);
	other = world__add_text(world, "other");
	top = world__add_dict(world, world__add_text(world, "store"), store,
			      world__add_text(world, "other"), other);
	draw(&picture, (uint64_t[]){top, 0}, (const char *[]){"app"});
	make_tree(&picture, &tree);
	check_row(&tree, "app['store'][*].name", 10 * TEXT_BYTES, 10, 10);
	check_row(&tree, "app['store'][*]", 10 * (48 + DICT_BYTES + TEXT_BYTES), 40, 10);
	/* With the class, and the name of the attribute, which all of these dicts hold. */
	check_row(&tree, "app['store']", 64 + 80 + 10 * (48 + DICT_BYTES + TEXT_BYTES) + TEXT_BYTES,
		  44, 1);
	check_row(&tree, "list(app)[*]", 2 * TEXT_BYTES, 2, 2);
	check_row(&tree, "app", tree.total.bytes, tree.total.cnt, 1);
	row = find_row(&tree, "app['store'][*]");
	assert_string_equal(type_table__at(picture.census->types, row->type)->name, "Point");
	assert_int_equal(row->own.bytes, 10 * (48 + DICT_BYTES));
	row = find_row(&tree, "list(app['store'][*].__dict__)[*]");
	assert_true(row->is_shared);
	assert_int_equal(row->retained.bytes, TEXT_BYTES);
	release(&picture);
}

static void test_tree(void **state)
{
	(void)state;
	check_tree(VIAS_ALL);
	check_tree(VIAS_FOLDED);
}

/* A key that occurs in many dicts is the name of a field, even if little is there. */
static void test_fields(void **state)
{
	_cleanup_(retained_tree__release) struct retained_tree tree = {};
	struct picture picture;
	struct world *world = &picture.world;
	uint64_t records[10], id, tags, top;

	(void)state;
	begin(&picture);
	id = world__add_text(world, "id");
	tags = world__add_text(world, "tags");
	for (int i = 0; i < 10; i++)
		records[i] = world__add_dict(world, id, world__add_text(world, "x"), tags,
					     world__add_text(world, "y"));
	top = world__add_list(world, records, 10);
	draw(&picture, (uint64_t[]){top, 0}, (const char *[]){"top"});
	make_tree(&picture, &tree);
	check_row(&tree, "top[*]['id']", 10 * TEXT_BYTES, 10, 10);
	check_row(&tree, "top[*]['tags']", 10 * TEXT_BYTES, 10, 10);
	release(&picture);
}

/* What two objects at the same path hold is below what dominates both. */
static void test_shared_by_alike(void **state)
{
	_cleanup_(retained_tree__release) struct retained_tree tree = {};
	struct picture picture;
	struct world *world = &picture.world;
	uint64_t items[8], first, second, top;
	const struct retained_row *row;

	(void)state;
	begin(&picture);
	for (int i = 0; i < 8; i++)
		items[i] = world__add_text(world, "item");
	first = world__add_list(world, items, 8);
	second = ADD(world, 96, 1, 1, 1, world__class(TUPLE), 4, items[0], items[1], items[2],
		     items[3]) +
		 HEAD;
	top = world__add_list(world, (uint64_t[]){first, second}, 2);
	draw(&picture, (uint64_t[]){top, 0}, (const char *[]){"top"});
	make_tree(&picture, &tree);
	row = find_row(&tree, "top[*]");
	assert_int_equal(row->retained.bytes, 64 + 64 + 96 + 4 * TEXT_BYTES);
	assert_int_equal(row->member_cnt, 2);
	assert_int_equal(row->type, TYPE_NONE);
	assert_false(row->is_shared);
	row = find_shared(&tree);
	assert_string_equal(row->path, "top[*][*]");
	assert_int_equal(row->retained.bytes, 4 * TEXT_BYTES);
	assert_int_equal(row->holder_cnt, 1);
	assert_string_equal(row->holders[0], row->path);
	release(&picture);
}

/* Roots in different modules hold the same. */
static void test_shared_by_roots(void **state)
{
	_cleanup_(retained_tree__release) struct retained_tree tree = {};
	struct picture picture;
	struct world *world = &picture.world;
	uint64_t items[8], first, second;
	const struct retained_row *row;

	(void)state;
	begin(&picture);
	for (int i = 0; i < 8; i++)
		items[i] = world__add_text(world, "item");
	first = world__add_list(world, items, 8);
	second = world__add_list(world, items, 4);
	draw(&picture, (uint64_t[]){first, second, 0}, (const char *[]){"first", "second"});
	make_tree(&picture, &tree);
	check_row(&tree, "first", 64 + 64 + 4 * TEXT_BYTES, 6, 1);
	check_row(&tree, "second", 64 + 32, 2, 1);
	row = find_row(&tree, "second");
	assert_false(row->is_shared);
	row = find_shared(&tree);
	assert_true(row->is_shared);
	assert_string_equal(row->path, "first[*]");
	assert_int_equal(row->depth, 0);
	assert_int_equal(row->retained.bytes, 4 * TEXT_BYTES);
	assert_int_equal(row->holder_cnt, 1);
	assert_false(row->has_more_holders);
	assert_string_equal(row->holders[0], "second[*]");
	release(&picture);
}

/*
 * A word of a frame does not count if another path leads there, but is named. One of an interpreter
 * counts, and is named as the other holder.
 */
static void test_other_roots(void **state)
{
	_cleanup_(retained_tree__release) struct retained_tree tree = {};
	struct picture picture;
	struct world *world = &picture.world;
	uint64_t first, second, only, top;
	const struct retained_row *row;

	(void)state;
	begin(&picture);
	first = world__add_list(world, (uint64_t[]){world__add_text(world, "a")}, 1);
	second =
		ADD(world, 80, 1, 1, 1, world__class(TUPLE), 1, world__add_text(world, "b")) + HEAD;
	only = world__add_text(world, "only");
	top = world__add_dict(world, world__add_text(world, "first"), first,
			      world__add_text(world, "second"), second);
	draw(&picture, (uint64_t[]){top, first, only, second, 0},
	     (const char *[]){"app", "f() in thread 1", "g() in thread 1", "interpreter 0"});
	picture.items[1].kind = picture.items[2].kind = ROOT_FRAME;
	picture.items[3].kind = ROOT_INTERPRETER;
	retention__free(picture.retention);
	assert_int_equal(retention__new(&picture.retention, picture.graph, &picture.roots), 0);
	make_tree(&picture, &tree);
	row = find_row(&tree, "app['first']");
	assert_int_equal(row->depth, 1);
	assert_false(row->is_shared);
	assert_string_equal(row->possible_holder, "<frame of f() in thread 1>");
	row = find_row(&tree, "app['second']");
	assert_int_equal(row->depth, 0);
	assert_true(row->is_shared);
	assert_int_equal(row->holder_cnt, 1);
	assert_string_equal(row->holders[0], "<interpreter 0>");
	assert_null(row->possible_holder);
	row = find_row(&tree, "<frame of g() in thread 1>");
	assert_int_equal(row->retained.bytes, TEXT_BYTES);
	release(&picture);
}

/* A linked list is one path, however long it is. */
static void test_repeated_steps(void **state)
{
	_cleanup_(retained_tree__release) struct retained_tree tree = {};
	struct picture picture;
	struct world *world = &picture.world;
	uint64_t next = 0;
	const struct retained_row *row;

	(void)state;
	begin(&picture);
	for (int i = 0; i < 60; i++)
		next = ADD(world, 48, 1, 1, 1, world__class(LINKED), next, 0) + HEAD;
	draw(&picture, (uint64_t[]){next, 0}, (const char *[]){"head"});
	make_tree(&picture, &tree);
	assert_int_equal(tree.cnt, 2);
	check_row(&tree, "head", 60 * 48, 60, 1);
	check_row(&tree, "head.<+16>", 59 * 48, 59, 59);
	row = find_row(&tree, "head.<+16>");
	assert_true(row->is_repeated);
	assert_int_equal(row->own.bytes, 59 * 48);
	release(&picture);
}

static void test_depth(void **state)
{
	_cleanup_(retained_tree__release) struct retained_tree tree = {};
	struct picture picture;
	struct world *world = &picture.world;
	uint64_t lists[2], top;

	(void)state;
	begin(&picture);
	for (int i = 0; i < 2; i++)
		lists[i] = world__add_list(world,
					   (uint64_t[]){world__add_text(world, "a"),
							world__add_text(world, "b")},
					   2);
	top = world__add_list(world, lists, 2);
	draw(&picture, (uint64_t[]){top, 0}, (const char *[]){"top"});
	assert_int_equal(retained_tree__make(&tree, picture.graph, &picture.roots,
					     picture.retention, NULL,
					     &(struct retained_tree_options){.depth = 2}),
			 0);
	assert_int_equal(tree.cnt, 2);
	assert_string_equal(tree.rows[1].path, "top[*]");
	assert_int_equal(tree.rows[1].depth, 1);
	assert_int_equal(tree.rows[1].retained.cnt, 2 * 4);
	release(&picture);
}

/* Sums up what no root leads to without @without. */
static uint64_t slow_retained(const struct picture *picture, const uint64_t *own, uint32_t without)
{
	const struct graph *graph = picture->graph;
	_cleanup_free_ uint32_t *stack = calloc(graph->starts[graph->node_cnt] + 10, 4);
	_cleanup_free_ uint8_t *seen = calloc(graph->node_cnt + 1, 1);
	size_t cnt = 0;
	uint64_t bytes = 0;

	for (size_t i = 0; i < picture->roots.cnt; i++)
		stack[cnt++] = picture->roots.roots[i].node;
	while (cnt) {
		uint32_t node = stack[--cnt];

		if (seen[node] || node == without)
			continue;
		seen[node] = 1;
		bytes += own[node];
		for (uint64_t i = graph->starts[node]; i < graph->starts[node + 1]; i++)
			if (!seen[graph->edges[i]])
				stack[cnt++] = graph->edges[i];
	}
	return bytes;
}

/* What blocks have, if they are alive. */
static uint64_t *measure(const struct graph *graph)
{
	uint64_t *own = calloc(graph->node_cnt + 1, sizeof(*own));

	for (uint32_t node = 0; node < graph->census->blocks.place_cnt; node++)
		if (block_kind__role(graph__kind(graph, node)) != BLOCK_FREE)
			own[node] = graph__block_bytes(graph, node);
	return own;
}

/* What each row has is in no other one, so the rows and what is not shown add up. */
static void check_sums(const struct retained_tree *tree, uint64_t reached_bytes)
{
	uint64_t top = 0;

	for (size_t i = 0; i < tree->cnt; i++)
		top += tree->rows[i].depth == 0 && (!i || !tree->rows[i - 1].is_passed)
			       ? tree->rows[i].retained.bytes
			       : 0;
	assert_true(top <= reached_bytes);
	assert_true(top + tree->total.bytes / RETAINED_SHARE + 1 >= reached_bytes);
}

/* Whatever blocks contain, each node retains what an independent, slow way finds. */
static void test_nonsense(void **state)
{
	uint64_t random = 16;

	(void)state;
	for (int round = 0; round < 20; round++) {
		_cleanup_(retained_tree__release) struct retained_tree tree = {};
		_cleanup_(retained__release) struct retained retained = {};
		_cleanup_free_ uint64_t *own = NULL;
		struct picture picture;
		uint64_t all;

		begin(&picture);
		world__add_nonsense(&picture.world, &random);
		draw(&picture, (uint64_t[]){0}, NULL);
		for (uint32_t i = 0; i < ROOTS_MAX; i++) {
			picture.items[i].node = i * picture.graph->node_cnt / ROOTS_MAX;
			picture.items[i].label = i / 3;
			picture.labels[i] = "root";
		}
		picture.roots.cnt = ROOTS_MAX;
		retention__free(picture.retention);
		assert_int_equal(retention__new(&picture.retention, picture.graph, &picture.roots),
				 0);
		own = measure(picture.graph);
		all = slow_retained(&picture, own, NODE_NONE);
		assert_int_equal(retained__find(&retained, picture.graph, &picture.roots,
						picture.retention, NULL),
				 0);
		for (uint32_t node = 0; node < picture.graph->node_cnt; node++)
			assert_int_equal(retained.bytes[node],
					 retained.dominators.parents[node] == DOMINATOR_NONE
						 ? own[node]
						 : all - slow_retained(&picture, own, node));
		assert_int_equal(retained.unreached.bytes + retained.free_listed.bytes + all,
				 retained.total.bytes);
		make_tree(&picture, &tree);
		check_sums(&tree, all);
		release(&picture);
	}
}

/* Whichever allocation is refused, it fails with that error and leaks nothing. */
static void test_every_refusal_is_survived(void **state)
{
	const struct retained_tree_options options = {.depth = 100};
	struct retained_tree tree = {.cnt = 7};
	struct picture picture;
	struct world *world = &picture.world;
	struct account *account;
	uint64_t items[8], nth = 0, first, second;
	int err;

	(void)state;
	begin(&picture);
	for (int i = 0; i < 8; i++)
		items[i] = world__add_text(world, "item");
	first = world__add_list(world, items, 8);
	second = world__add_list(world, items, 4);
	draw(&picture, (uint64_t[]){first, second, 0}, (const char *[]){"first", "second"});
	assert_int_equal(account__new(&account, UINT64_MAX, NULL), 0);
	world->heap->account = account;
	while (account__refuse_nth(account, ++nth),
	       (err = retained_tree__make(&tree, picture.graph, &picture.roots, picture.retention,
					  NULL, &options))) {
		assert_int_equal(err, -EDQUOT);
		assert_int_equal(tree.cnt, 7);
		assert_int_equal(account__usage(account).used_bytes, 0);
	}
	assert_true(nth > 20);
	account__refuse_nth(account, 0);
	retained_tree__release(&tree);
	assert_int_equal(account__usage(account).used_bytes, 0);
	world->heap->account = NULL;
	account__close(account);
	release(&picture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_of_nodes),
		cmocka_unit_test(test_buffers_outside),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_shared_by_alike),
		cmocka_unit_test(test_shared_by_roots),
		cmocka_unit_test(test_other_roots),
		cmocka_unit_test(test_repeated_steps),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_every_refusal_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
