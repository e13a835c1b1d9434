// SPDX-License-Identifier: BSD-2-Clause
/* Events from before the model existed are applied to it in their order, once. */
#include "probes/event_backlog.h"

#include "model_steps.h"
#include "sample_heap.h"
#include "unit_test.h"

#define BLOCK (SAMPLE_A + 48)

static void keep(struct event_backlog *backlog, enum pyfrag_event_type type, uint64_t address)
{
	const struct pyfrag_event event = {.type = (uint8_t)type, .address = address};

	event_backlog__keep(backlog, &event);
}

static void test_replay(void **state)
{
	struct model *model = make_model(&sample_geometry, true);
	struct event_backlog backlog = {};

	(void)state;
	keep(&backlog, EVENT_ARENA_MAP, SAMPLE_A);
	keep(&backlog, EVENT_NEW_POOL, BLOCK);
	keep(&backlog, EVENT_FREE, BLOCK);
	keep(&backlog, EVENT_ALLOC, BLOCK);
	assert_int_equal(event_backlog__replay(&backlog, model), 0);
	assert_true(has_block(model, BLOCK));
	assert_int_equal(model->heap->region_cnt, 1);
	assert_int_equal(model->counts.missed_allocs + model->counts.missed_frees, 0);
	assert_int_equal(event_backlog__replay(&backlog, model), 0);
	assert_int_equal(model->counts.allocs, 2);
	assert_int_equal(backlog.dropped_cnt, 0);
	model__free(model);
}

/* Events that are not replayed are released. */
static void test_release(void **state)
{
	struct event_backlog backlog = {};

	(void)state;
	for (int i = 0; i < 1000; i++)
		keep(&backlog, EVENT_ALLOC, BLOCK);
	assert_int_equal(backlog.cnt, 1000);
	event_backlog__release(&backlog);
	assert_int_equal(backlog.cnt, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
