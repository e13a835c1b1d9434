// SPDX-License-Identifier: BSD-2-Clause
/*
 * With a ring of ours in place of libbpf's: of a target that emits events faster than they can be
 * handled, so that there are always more.
 */
#include "probes/events.h"

#include <bpf/libbpf.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "unit_test.h"

#define RING_BYTES   4096UL
#define RECORD_BYTES (8 + sizeof(struct pyfrag_event))
#define FOR_EVER     (1000 * RING_BYTES / RECORD_BYTES)

struct ring_buffer {
	ring_buffer_sample_fn sample;
	void *context;
	int fd; /* always readable */
};

/* The least and the most bytes that were handled in one go. */
static size_t least_bytes = SIZE_MAX, most_bytes;

struct ring_buffer *ring_buffer__new(int map_fd, ring_buffer_sample_fn sample_cb, void *ctx,
				     const struct ring_buffer_opts *opts)
{
	struct ring_buffer *ring = calloc(1, sizeof(*ring));

	(void)map_fd;
	(void)opts;
	assert_non_null(ring);
	*ring = (struct ring_buffer){sample_cb, ctx, eventfd(1, EFD_CLOEXEC)};
	return ring;
}

void ring_buffer__free(struct ring_buffer *rb)
{
	close(rb->fd);
	free(rb);
}

int ring_buffer__epoll_fd(const struct ring_buffer *rb)
{
	return rb->fd;
}

/* As libbpf's: until nothing is left, which is never, or the function says so. */
int ring_buffer__consume(struct ring_buffer *rb)
{
	struct pyfrag_event event = {.type = EVENT_FREE, .address = 16};
	size_t bytes = 0;

	for (size_t i = 0; i < FOR_EVER; i++) {
		bytes += RECORD_BYTES;
		if (rb->sample(rb->context, &event, sizeof(event)) < 0)
			break;
	}
	least_bytes = bytes < least_bytes ? bytes : least_bytes;
	most_bytes = bytes > most_bytes ? bytes : most_bytes;
	return 0;
}

static void count(const struct pyfrag_event *event, void *context)
{
	uint64_t *cnt = context;

	(void)event;
	++*cnt;
}

/*
 * All that can have been in the ring is handled, and not much more; and the thread, which is never
 * done, lets others have the lock.
 */
static void test_events_without_end(void **state)
{
	struct event_stream *stream;
	uint64_t cnt = 0;

	(void)state;
	assert_int_equal(event_stream__start(&stream, -1, RING_BYTES, count, &cnt), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
