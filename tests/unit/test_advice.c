// SPDX-License-Identifier: BSD-2-Clause
/*
 * The advice for a hand-made heap of one arena or two, which are pinned and whose blocks are all
 * examined.
 */
#include "analysis/advice.h"

#include <string.h>

#include "fake_objects.h"
#include "unit_test.h"
#include "util/array.h"
#include "util/cleanup.h"

struct scene {
	struct world world;
	struct census *census;
	struct graph *graph;
	struct roots roots;
	struct retention *retention;
	struct pin_holders holders;
	struct advices advices;
};

/*
 * @module: the object that is the module "app". @used_bytes of the arena were in use at the peak.
 */
static void look(struct scene *scene, uint64_t module, uint64_t used_bytes)
{
	static char *labels[] = {"app"};
	const struct pinned_options options = {.below = 1};
	struct pinned_history history = {};
	struct root root = {.kind = ROOT_MODULE};
	struct heap_measure measure;
	struct pinned pinned;

	for (size_t i = 0; i < scene->world.heap->region_cnt; i++)
		scene->world.heap->regions[i].carved_end =
			scene->world.heap->regions[i].address + used_bytes;
	scene->census = world__take(&scene->world);
	assert_int_equal(graph__build(&scene->graph, scene->census, false), 0);
	root.node = graph__find(scene->graph, module, true);
	assert_int_not_equal(root.node, NODE_NONE);
	scene->roots = (struct roots){.roots = &root, .cnt = 1, .labels = labels, .label_cnt = 1};
	assert_int_equal(retention__new(&scene->retention, scene->graph, &scene->roots), 0);
	assert_int_equal(heap__measure(scene->world.heap, &measure), 0);
	assert_int_equal(pinned__find(&pinned, scene->world.heap, &measure, &options, &history, 0),
			 0);
	assert_int_equal(pin_holders__find(&scene->holders, &pinned, scene->graph, &scene->roots,
					   scene->retention, &(struct pin_holders_options){}),
			 0);
	assert_int_equal(advices__find(&scene->advices, scene->census, &scene->holders), 0);
	pinned_history__free(&history);
	pinned__free(&pinned);
	heap_measure__free(&measure);
}

static void release(struct scene *scene)
{
	advices__release(&scene->advices);
	pin_holders__release(&scene->holders);
	retention__free(scene->retention);
	graph__free(scene->graph);
	census__free(scene->census);
	world__release(&scene->world);
}

/*
 * Checks that there is exactly one piece of advice of @rule, and that its text begins with @text.
 */
static void check_advice(const struct scene *scene, enum advice_rule rule, const char *text)
{
	int cnt = 0;

	for (size_t i = 0; i < scene->advices.cnt; i++) {
		if (scene->advices.items[i].rule != rule)
			continue;
		assert_memory_equal(scene->advices.items[i].text, text, strlen(text));
		cnt++;
	}
	assert_int_equal(cnt, 1);
}

static bool has_advice(const struct scene *scene, enum advice_rule rule)
{
	for (size_t i = 0; i < scene->advices.cnt; i++)
		if (scene->advices.items[i].rule == rule)
			return true;
	return false;
}

static uint64_t add_list(struct world *world, uint64_t first, uint64_t second)
{
	uint64_t items = ADD(world, 32, first, second);

	return ADD(world, 64, 1, 1, 1, world__class(LIST), 2, items, 2) + HEAD;
}

/* Where nothing was freed, nothing is left behind. */
static void check_list_of_two(uint64_t used_bytes, double freed_bytes, bool is_advised)
{
	struct scene scene = {};
	struct world *world = &scene.world;
	double hostage = 0, freed = 0;
	uint64_t list;

	world__make(world);
	list = add_list(world, ADD(world, 64, 1, world__class(STR), 1),
			ADD(world, 64, 1, world__class(STR), 1));
	look(&scene, list, used_bytes);
	for (size_t i = 0; i < scene.holders.by_kind.cnt; i++) {
		hostage += scene.holders.by_kind.rows[i].hostage_bytes;
		freed += scene.holders.by_kind.rows[i].freed_bytes;
	}
	assert_true(hostage == SAMPLE_ARENA_BYTES - (3 * 64 + 32));
	assert_true(freed == freed_bytes);
	if (is_advised)
		check_advice(&scene, ADVICE_CONTAINER, "The contents of app (2 str) hold back ");
	else
		assert_int_equal(scene.advices.cnt, 0);
	release(&scene);
}

static void test_arena_that_is_being_filled(void **state)
{
	(void)state;
	check_list_of_two(SAMPLE_ARENA_BYTES, SAMPLE_ARENA_BYTES - (3 * 64 + 32), true);
	check_list_of_two(SAMPLE_ARENA_BYTES / 2, SAMPLE_ARENA_BYTES / 2. - (3 * 64 + 32), true);
	check_list_of_two(4 * SAMPLE_POOL_BYTES, 4. * SAMPLE_POOL_BYTES - (3 * 64 + 32), false);
	/* The arena was seen being mapped, but not read since: its use is unknown. */
	check_list_of_two(0, 0, false);
}

#define REFUSED (TYPES + 0x200000)

static void check_unreached(bool is_refused, const char *text)
{
	struct scene scene = {};
	struct world *world = &scene.world;
	uint64_t point = 0, list;

	world__make(world);
	fake_type__map(&world->memory,
		       &(struct fake_type){.address = REFUSED,
					   .metatype = FAKE_TYPE_TYPE,
					   .basic_size = is_refused ? 1UL << 40 : 16,
					   .name = "refused"});
	ADD(world, 16, 1, REFUSED);
	ADD(world, 64, 0, 0, 0, world__class(LIST));
	for (int i = 0; i < 3; i++) {
		point = ADD(world, 48, 1, 1, 1, world__class(LINKED), 0, 0);
		*fake_memory__word(&world->memory, point + HEAD + 16) = point + HEAD;
	}
	list = ADD(world, 64, 1, 1, 1, world__class(LIST)) + HEAD;
	look(&scene, list, SAMPLE_ARENA_BYTES);
	check_advice(&scene, ADVICE_CYCLES, text);
	release(&scene);
}

/* The blocks before and among them may be unknown, or on a free list. */
static void test_unreached_objects(void **state)
{
	(void)state;
	check_unreached(false,
			"4 objects without a path from a root hold back 170.5 KiB. "
			"gc.collect() frees those that belong to cycles; C code holds the rest.");
	check_unreached(
		true,
		"3 objects without a path from a root hold back 127.9 KiB. "
		"gc.collect() frees those that belong to cycles; C code or an object whose type "
		"is not readable holds the rest.");
}

#define FUNCTION (TYPES + 0x100000)

static uint64_t add_function(struct world *world)
{
	return ADD(world, 64, 1, 1, 1, FUNCTION, 0) + HEAD;
}

/* Like the above, in an arena of its own: the function was created after the heap had grown. */
static uint64_t add_late_function(struct world *world)
{
	static const uint64_t words[] = {1, 1, 1, FUNCTION, 0};
	const uint64_t arena = ARENA + SAMPLE_ARENA_BYTES;
	uint64_t block;

	assert_int_equal(heap__add_region(world->heap, arena, world->heap->layout.region_size), 0);
	fake_memory__map(&world->memory, arena, SAMPLE_ARENA_BYTES);
	block = sample_heap__add_block(world->heap, arena, SAMPLE_CLASS(64), 0);
	memcpy(fake_memory__at(&world->memory, block, sizeof(words)), words, sizeof(words));
	return block + HEAD;
}

static uint64_t add_name(struct world *world, const char *text)
{
	uint64_t name = ADD(world, 64, 1, world__class(STR), strlen(text), 0, 0xe5);

	strcpy(fake_memory__at(&world->memory, name + 48, 16), text);
	return name;
}

/* A module with variables "one" and "two". */
static uint64_t add_module(struct world *world, uint64_t one, uint64_t two)
{
	uint64_t keys, dict;

	/* Refcnt, size, lookup, usable, entries; 8 indexes; hash, key, value. */
	keys = ADD(world, 112, 1, 8, 0, 3, 2, 0x0100, 0, add_name(world, "one"), one, 0,
		   add_name(world, "two"), two);
	dict = ADD(world, 64, 1, 1, 1, world__class(DICT), 2, 1, keys, 0) + HEAD;
	return ADD(world, 48, 1, 1, 1, world__class(POINT), dict, 0) + HEAD;
}

static void make_with_functions(struct world *world)
{
	world__make(world);
	fake_type__map(&world->memory, &(struct fake_type){.address = FUNCTION,
							   .metatype = FAKE_TYPE_TYPE,
							   .flags = TYPE_HAVE_GC,
							   .basic_size = 48,
							   .name = "function"});
}

/*
 * A function with a name in a module was imported; one in a container was created at run time.
 * Imported functions may all be in one arena, which is then pinned: no advice helps.
 */
static void test_functions(void **state)
{
	struct scene late = {}, early = {}, made = {};
	struct world *world = &late.world;

	(void)state;
	make_with_functions(world);
	look(&late, add_module(world, add_function(world), add_late_function(world)),
	     SAMPLE_ARENA_BYTES);
	check_advice(&late, ADVICE_IMPORTS, "1 object of imported modules ");
	release(&late);
	world = &early.world;
	make_with_functions(world);
	look(&early, add_module(world, add_function(world), add_function(world)),
	     SAMPLE_ARENA_BYTES);
	assert_false(has_advice(&early, ADVICE_IMPORTS));
	release(&early);
	world = &made.world;
	make_with_functions(world);
	look(&made, add_module(world, add_list(world, add_function(world), add_function(world)), 0),
	     SAMPLE_ARENA_BYTES);
	assert_true(has_advice(&made, ADVICE_CONTAINER));
	assert_false(has_advice(&made, ADVICE_IMPORTS));
	release(&made);
}

static void check_dict_of_one(bool has_text, const char *text)
{
	struct scene scene = {};
	struct world *world = &scene.world;
	uint64_t key, value, keys;

	world__make(world);
	key = ADD(world, 64, 1, world__class(STR), 1);
	value = has_text ? ADD(world, 64, 1, world__class(STR), 1)
			 : ADD(world, 48, 1, 1, 1, world__class(LINKED), 0, 0) + HEAD;
	keys = ADD(world, 112, 1, 8, 0, 3, 1, 0, 0, key, value);
	look(&scene, ADD(world, 64, 1, 1, 1, world__class(DICT), 1, 1, keys, 0) + HEAD,
	     SAMPLE_ARENA_BYTES);
	check_advice(&scene, ADVICE_CONTAINER, text);
	release(&scene);
}

/*
 * Keys and values are in one piece of advice, and are counted together if they have the same type.
 */
static void test_keys_and_values(void **state)
{
	(void)state;
	check_dict_of_one(false,
			  "The contents of app (1 pkg.linked and 1 str) hold back 127.9 KiB:");
	check_dict_of_one(true, "The contents of app (2 str) hold back 127.9 KiB:");
}

/* Constants of code are not a container that a program could copy; other tuples are. */
static void test_constants(void **state)
{
	static const struct {
		const char *path;
		bool is_advised;
	} cases[] = {
		{"app.f.__code__.co_consts[*]", false},
		{"app.Lost.<+840>[*]", false},
		{"app.<+x>[*]", true},
		{"app.Class.__bases__[*]", false},
		{"app.f.__defaults__[*]", false},
		{"list(app.co_consts.seen)[*]", true},
		{"app.consts[*]", true},
	};
	struct scene scene = {};
	struct pin pin = {.hostage_bytes = 1000, .freed_bytes = 1000};

	(void)state;
	world__make(&scene.world);
	scene.census = world__take(&scene.world);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pin_holders *holders = &scene.holders;

		assert_int_equal(pin_ranking__count_path(&holders->by_path, cases[i].path, 0, &pin,
							 64),
				 0);
		assert_int_equal(pin_ranking__count_kind(&holders->by_kind, 0, &pin, 64), 0);
		assert_int_equal(advices__find(&scene.advices, scene.census, holders), 0);
		assert_int_equal(scene.advices.cnt, cases[i].is_advised);
		advices__release(&scene.advices);
		pin_holders__release(holders);
	}
	release(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena_that_is_being_filled),
		cmocka_unit_test(test_unreached_objects),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_keys_and_values),
		cmocka_unit_test(test_constants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
