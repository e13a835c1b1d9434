// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which differences between the model and memory count as drift. The target's only thread is
 * between a change and its event and gets no CPU for longer than all tries take: nothing is wrong.
 * The ring buffer and the thread are fakes.
 */
#include "probes/drift.h"

#include <stdlib.h>

#include "fake_ring_buffer.h"
#include "fake_target.h"
#include "model_steps.h"
#include "pyfrag/records.h"
#include "unit_test.h"

#define ARENA 0x7f3b50000000UL
#define FIRST (ARENA + 48)
#define OTHER (FIRST + 64)
/* How often the thread is looked at before it runs: longer than all tries would take without it. */
#define LOOKS 40

/* What the thread does when it runs. */
static struct {
	int looks_left;
	struct pyfrag_event event; /* type 0: none */
	bool changes_memory;
} thread;
static bool has_run, sleeps;
static uint64_t ran_ns;
static int rereads;

const bool fake_ring_buffer_is_ready = false;

int ring_buffer__consume(struct ring_buffer *rb)
{
	if (has_run && thread.event.type)
		rb->sample(rb->context, &thread.event, sizeof(thread.event));
	if (has_run)
		thread.event.type = 0;
	return 0;
}

static void apply(const struct pyfrag_event *event, uint64_t stack_number, void *context)
{
	(void)stack_number;
	assert_int_equal(model__apply(context, event), 0);
}

static int read_threads(const struct target *target, struct ready_thread *out, size_t max,
			size_t *cnt)
{
	(void)target;
	(void)max;
	*cnt = !sleeps;
	*out = (struct ready_thread){.id = 7, .ran_ns = ran_ns};
	if (thread.looks_left)
		thread.looks_left--;
	else
		has_run = true;
	/* From then on it runs all the time. */
	ran_ns += has_run ? 1000000 : 0;
	return 0;
}

/* The arena as memory has it, with one or two live blocks of 64 bytes. */
static void read_arena(struct heap *fresh, bool with_other)
{
	const uint64_t live[4] = {1UL << 3 | (with_other ? 1UL << 7 : 0)};

	assert_int_equal(block_map__set_span(fresh->blocks, ARENA, 3, 0, live, 4), 0);
}

static int reread(const struct target_heap *target_heap, struct heap *heap, const uint64_t *spans,
		  size_t cnt, struct checkpoint_counts *counts)
{
	(void)target_heap;
	(void)counts;
	assert_int_equal(cnt, 1);
	assert_int_equal(spans[0], ARENA);
	rereads++;
	/* What the thread changes in the end is undone here: until then there are both blocks. */
	read_arena(heap, !(has_run && thread.changes_memory));
	return 0;
}

/* Memory has two blocks, the model only one. Returns the drift. */
static uint64_t confirm(void)
{
	static const struct allocator allocator = {.reread = reread};
	struct target target = {.ops = &(const struct target_ops){.ready_threads = read_threads}};
	struct target_heap heap = {.allocator = &allocator, .context.target = &target};
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
	struct drift drift = {.model = model, .target_heap = &heap};
	struct event_stream *stream;
	struct heap *fresh;

	tell(model, EVENT_ARENA_MAP, ARENA);
	tell_new_pool(model, FIRST, 3);
	for (int i = 0; i < MODEL_RECENT_CNT; i++)
		tell(model, EVENT_FREELIST_CLEAR, 0);
	assert_int_equal(model__begin_checkpoint(model, false), 0);
	assert_int_equal(heap__new(&fresh, LAYOUT_OF(&FAKE_GEOMETRIES[1]), NULL), 0);
	assert_int_equal(heap__add_region(fresh, ARENA, fresh->layout.region_size), 0);
	read_arena(fresh, true);
	has_run = false;
	rereads = 0;
	assert_int_equal(event_stream__start(&stream, -1, 4096,
					     &(struct event_handlers){.event = apply}, model),
			 0);
	drift.stream = stream;
	assert_int_equal(drift__confirm(&drift, fresh), 0);
	event_stream__free(stream);
	assert_int_equal(drift.unconfirmed_blocks, 0);
	assert_int_equal(model__adopt(model, fresh, drift.blocks), 0);
	assert_int_equal(model->counts.missed_allocs + model->counts.missed_frees, 0);
	assert_true(has_block(model, FIRST));
	assert_int_equal(has_block(model, OTHER), !(has_run && thread.changes_memory));
	model__free(model);
	return drift.blocks;
}

static void test_event_that_is_late(void **state)
{
	(void)state;
	sleeps = false;
	thread.looks_left = LOOKS;
	thread.event = (struct pyfrag_event){.type = EVENT_ALLOC, .address = OTHER};
	thread.changes_memory = false;
	assert_int_equal(confirm(), 0);
	assert_true(has_run);
}

/* The event came long ago, from a thread that has not run since, and others after it. */
static void test_change_that_is_late(void **state)
{
	(void)state;
	sleeps = false;
	thread.looks_left = LOOKS;
	thread.event.type = 0;
	thread.changes_memory = true;
	assert_int_equal(confirm(), 0);
	assert_int_equal(rereads, 1);
}

/* Before there is a model to compare with. */
static void test_event_that_is_awaited(void **state)
{
	struct target target = {.ops = &(const struct target_ops){.ready_threads = read_threads}};
	struct model *model = make_model(&FAKE_GEOMETRIES[1], true);
	struct event_stream *stream;

	(void)state;
	sleeps = has_run = false;
	thread.looks_left = LOOKS;
	thread.event = (struct pyfrag_event){.type = EVENT_ALLOC, .address = OTHER};
	assert_int_equal(event_stream__start(&stream, -1, 4096,
					     &(struct event_handlers){.event = apply}, model),
			 0);
	drift__await_threads(stream, &target);
	event_stream__lock(stream);
	assert_true(has_block(model, OTHER));
	event_stream__unlock(stream);
	event_stream__free(stream);
	model__free(model);
}

/* The thread has run or sleeps, and there is no event. */
static void test_drift(void **state)
{
	(void)state;
	for (int i = 0; i <= 1; i++) {
		sleeps = i;
		thread.looks_left = 0;
		thread.event.type = 0;
		thread.changes_memory = false;
		assert_int_equal(confirm(), 1);
		assert_int_equal(rereads, 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event_that_is_late),
		cmocka_unit_test(test_change_that_is_late),
		cmocka_unit_test(test_event_that_is_awaited),
		cmocka_unit_test(test_drift),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
