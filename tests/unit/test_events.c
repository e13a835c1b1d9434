// SPDX-License-Identifier: BSD-2-Clause
/*
 * The stream of records, with a fake ring buffer in place of libbpf's. One kind never becomes
 * empty, as if the target emitted events faster than they can be handled; the other contains the
 * records that a test puts in.
 */
#include "probes/events.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fake_ring_buffer.h"
#include "pyfrag/records.h"
#include "unit_test.h"

#define RING_BYTES   4096UL
#define RECORD_BYTES (8 + sizeof(struct pyfrag_event))
#define FOR_EVER     (1000 * RING_BYTES / RECORD_BYTES)

/* The fewest and the most bytes handled in one call. */
static size_t least_bytes = SIZE_MAX, most_bytes;

const bool fake_ring_buffer_is_ready = true;

/*
 * The record that a test puts into the ring, consumed once; without one there is an endless stream
 * of events.
 */
static const void *only_record;
static size_t only_bytes;
static bool has_only;

/* Like libbpf's: runs until the ring is empty, which never happens, or the callback stops it. */
int ring_buffer__consume(struct ring_buffer *rb)
{
	struct pyfrag_event event = {.type = EVENT_FREE, .address = 16};
	size_t bytes = 0;

	if (has_only) {
		if (only_record)
			rb->sample(rb->context, (void *)(uintptr_t)only_record, only_bytes);
		only_record = NULL;
		return 0;
	}
	for (size_t i = 0; i < FOR_EVER; i++) {
		bytes += RECORD_BYTES;
		if (rb->sample(rb->context, &event, sizeof(event)) < 0)
			break;
	}
	least_bytes = bytes < least_bytes ? bytes : least_bytes;
	most_bytes = bytes > most_bytes ? bytes : most_bytes;
	return 0;
}

static void count(const struct pyfrag_event *event, uint64_t stack_number, void *context)
{
	uint64_t *cnt = context;

	(void)event;
	(void)stack_number;
	++*cnt;
}

/*
 * Everything that can have been in the ring is handled, and not much more; and the thread, which
 * never finishes, releases the lock in between.
 */
static void test_events_without_end(void **state)
{
	struct event_stream *stream;
	uint64_t cnt = 0;

	(void)state;
	assert_int_equal(event_stream__start(&stream, -1, RING_BYTES,
					     &(struct event_handlers){.event = count}, &cnt),
			 0);
	for (int i = 0; i < 100; i++) {
		event_stream__lock(stream);
		event_stream__unlock(stream);
		event_stream__drain(stream);
	}
	event_stream__free(stream);
	assert_in_range(least_bytes, RING_BYTES, RING_BYTES + RECORD_BYTES);
	assert_in_range(most_bytes, RING_BYTES, RING_BYTES + RECORD_BYTES);
	assert_true(cnt >= 100 * (RING_BYTES / RECORD_BYTES));
}

/* What the handlers received last, and the number of records. */
struct received {
	struct pyfrag_event event;
	uint64_t stack_number;
	struct pyfrag_stack stack;
	struct pyfrag_notice notice;
	int event_cnt, stack_cnt, notice_cnt;
};

static void receive_event(const struct pyfrag_event *event, uint64_t stack_number, void *context)
{
	struct received *received = context;

	received->event = *event;
	received->stack_number = stack_number;
	received->event_cnt++;
}

static void receive_stack(const struct pyfrag_stack *stack, void *context)
{
	struct received *received = context;

	memcpy(&received->stack, stack, pyfrag_stack__bytes(stack->frame_cnt));
	received->stack_cnt++;
}

static void receive_notice(const struct pyfrag_notice *notice, void *context)
{
	struct received *received = context;

	received->notice = *notice;
	received->notice_cnt++;
}

/* Sends the first @bytes of @record alone, from a copy of exactly that size. */
static void send(struct event_stream *stream, const void *record, size_t bytes)
{
	void *copy = malloc(bytes);

	assert_non_null(copy);
	memcpy(copy, record, bytes);
	event_stream__lock(stream);
	only_record = copy;
	only_bytes = bytes;
	event_stream__unlock(stream);
	event_stream__drain(stream);
	free(copy);
}

static struct event_stream *start(struct received *received)
{
	static const struct event_handlers handlers = {receive_event, receive_stack,
						       receive_notice};
	struct event_stream *stream;

	has_only = true;
	assert_int_equal(event_stream__start(&stream, -1, RING_BYTES, &handlers, received), 0);
	return stream;
}

static void test_each_kind(void **state)
{
	const struct pyfrag_stacked_event stacked = {
		.event = {.type = EVENT_ALLOC, .flags = PYFRAG_EVENT_HAS_STACK, .address = 16},
		.stack = 7,
	};
	const struct pyfrag_event event = {.type = EVENT_FREE, .address = 32};
	const struct pyfrag_stack stack = {.type = EVENT_STACK,
					   .frame_cnt = 2,
					   .number = 7,
					   .frames = {{.code = 1}, {.code = 2}}};
	struct received received = {};
	struct event_stream *stream = start(&received);

	(void)state;
	send(stream, &stacked, sizeof(stacked));
	assert_int_equal(received.event_cnt, 1);
	assert_int_equal(received.event.address, 16);
	assert_int_equal(received.stack_number, 7);
	send(stream, &event, sizeof(event));
	assert_int_equal(received.event_cnt, 2);
	assert_int_equal(received.event.address, 32);
	assert_int_equal(received.stack_number, 0);
	send(stream, &stack, pyfrag_stack__bytes(2));
	assert_int_equal(received.stack_cnt, 1);
	assert_int_equal(received.stack.frames[1].code, 2);
	for (uint8_t type = EVENT_EXEC; type <= EVENT_OVERRUN; type++) {
		const struct pyfrag_notice notice = {.type = type, .tgid = 9};

		send(stream, &notice, sizeof(notice));
		assert_int_equal(received.notice.type, type);
	}
	assert_int_equal(received.notice_cnt, 3);
	assert_int_equal(received.event_cnt, 2);
	event_stream__free(stream);
}

/* A record that is truncated anywhere reaches no handler, and nothing past its end is read. */
static void test_short_records(void **state)
{
	const struct pyfrag_stacked_event stacked = {
		.event = {.type = EVENT_ALLOC, .flags = PYFRAG_EVENT_HAS_STACK}};
	const struct pyfrag_event event = {.type = EVENT_FREE};
	const struct pyfrag_notice notice = {.type = EVENT_FORK};
	struct pyfrag_stack stack = {.type = EVENT_STACK, .frame_cnt = PYFRAG_STACK_DEPTH_MAX};
	struct received received = {};
	struct event_stream *stream = start(&received);

	(void)state;
	for (size_t bytes = 0; bytes < sizeof(stacked); bytes++)
		send(stream, &stacked, bytes);
	for (size_t bytes = 0; bytes < sizeof(event); bytes++)
		send(stream, &event, bytes);
	for (size_t bytes = 0; bytes < sizeof(notice); bytes++)
		send(stream, &notice, bytes);
	for (size_t bytes = 0; bytes < pyfrag_stack__bytes(stack.frame_cnt); bytes++)
		send(stream, &stack, bytes);
	assert_int_equal(received.stack_cnt, 0);
	send(stream, &stack, pyfrag_stack__bytes(stack.frame_cnt));
	assert_int_equal(received.stack_cnt, 1);
	stack.frame_cnt++; /* more frames than a stack has, in a record of the same size */
	send(stream, &stack, sizeof(stack));
	assert_int_equal(received.stack_cnt, 1);
	assert_int_equal(received.event_cnt + received.notice_cnt, 0);
	event_stream__free(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_without_end),
		cmocka_unit_test(test_each_kind),
		cmocka_unit_test(test_short_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
