// SPDX-License-Identifier: BSD-2-Clause
/* Which pins are looked at when there are more than there is room for. */
#include "analysis/top_owners.h"

#include "fake_objects.h"
#include "unit_test.h"

#define ARENAS 60

/*
 * Most arenas have one pin each, which keeps more than that of the arena before. The last one has
 * three, which keep most, but only from the second one on: two of them count.
 */
static size_t make_pins(struct top_pin *pins)
{
	size_t cnt = 0;

	for (size_t i = 0; i < ARENAS; i++)
		pins[cnt++] = (struct top_pin){.arena = i,
					       .block = 0x1000 * (i + 1),
					       .size = 64,
					       .released_bytes = i + 1};
	pins[cnt - 1].released_bytes = 0;
	for (size_t rung = 1; rung < 3; rung++)
		pins[cnt++] = (struct top_pin){.arena = ARENAS - 1,
					       .rung = rung,
					       .block = 0x1000 * ARENAS + rung,
					       .size = 64,
					       .is_cached = rung == 1,
					       .released_bytes = 99 + rung};
	return cnt;
}

static void find(struct top_owners *owners, const struct mallocs *mallocs)
{
	const struct outside_objects outside = {};
	const struct roots roots = {};
	struct owners_source source = {.mallocs = mallocs, .outside = &outside, .roots = &roots};
	struct retention *retention;
	struct census *census;
	struct graph *graph;
	struct world world;

	world__make(&world);
	census = world__take(&world);
	assert_int_equal(graph__build(&graph, census, false), 0);
	source.graph = graph;
	assert_int_equal(retention__new(&retention, graph, &roots), 0);
	assert_int_equal(top_owners__find(owners, &source, retention), 0);
	retention__free(retention);
	graph__free(graph);
	census__free(census);
	world__release(&world);
}

static void test_pins_that_keep_most_come_first(void **state)
{
	struct malloc_arena arenas[ARENAS] = {};
	struct malloc_instance instance = {.arenas = arenas, .arena_cnt = ARENAS};
	struct top_pin pins[ARENAS + 2];
	/* Of two mallocs with the same pins. */
	struct mallocs mallocs = {.cnt = 2};
	struct top_owners owners = {};

	(void)state;
	for (size_t i = 0; i < ARENAS; i++)
		arenas[i].address = i;
	for (size_t i = 0; i < mallocs.cnt; i++) {
		mallocs.items[i].image.instance = &instance;
		mallocs.items[i].pins.items = pins;
		mallocs.items[i].pins.cnt = make_pins(pins);
		mallocs.items[i].pins.knows_resident = true;
	}
	find(&owners, &mallocs);
	assert_int_equal(owners.cnt, TOP_OWNERS_MAX);
	assert_int_equal(owners.left_out_cnt, 2 * (ARENAS + 1) - TOP_OWNERS_MAX);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(owners.items[i].arena, ARENAS - 1);
		assert_int_equal(owners.items[i].block, 0x1000 * ARENAS + i % 2);
		assert_int_equal(owners.items[i].is_cached, i % 2);
		assert_int_equal(block_kind__role(owners.items[i].kind),
				 i % 2 ? BLOCK_FREE : BLOCK_UNKNOWN);
		assert_null(owners.items[i].path);
	}
	for (size_t i = 4; i < owners.cnt; i++)
		assert_int_equal(owners.items[i].arena, ARENAS - i / 2);
	top_owners__release(&owners);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pins_that_keep_most_come_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
