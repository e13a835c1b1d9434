// SPDX-License-Identifier: BSD-2-Clause
#include "probes/events.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "pyfrag/records.h"
#include "util/cleanup.h"
#include "util/sleep.h"

/*
 * Events that wake nobody wait at most this long: a wakeup takes 40 us of a core. Stacks wake the
 * thread at once, and code that needs the current state drains the ring first.
 */
#define LOOK_INTERVAL_MS 200
/* How often the thread checks whether another one still waits for the lock. */
#define TURN_NS 200000
/* BPF_RINGBUF_HDR_SZ: the size of each record's header in the ring, and the records' alignment. */
#define HEADER_BYTES 8UL

struct event_stream {
	struct ring_buffer *ring;
	pthread_mutex_t lock;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	atomic_uint waiting_cnt; /* threads that wait for the lock, besides the stream's own */
	size_t ring_bytes;
	size_t left_bytes; /* of the ring, still to be consumed in this pass */
	struct event_handlers handlers;
	void *context;
};

static void handle_event(const struct event_stream *stream, const union pyfrag_record *record,
			 size_t size)
{
	if (size < sizeof(record->event))
		return;
	if (!(record->event.flags & PYFRAG_EVENT_HAS_STACK))
		stream->handlers.event(&record->event, 0, stream->context);
	else if (size >= sizeof(record->stacked))
		stream->handlers.event(&record->event, record->stacked.stack, stream->context);
}

static void handle_stack(const struct event_stream *stream, const union pyfrag_record *record,
			 size_t size)
{
	const struct pyfrag_stack *stack = &record->stack;

	if (size >= pyfrag_stack__bytes(0) && stack->frame_cnt <= PYFRAG_STACK_DEPTH_MAX &&
	    size >= pyfrag_stack__bytes(stack->frame_cnt) && stream->handlers.stack)
		stream->handlers.stack(stack, stream->context);
}

static void handle_notice(const struct event_stream *stream, const union pyfrag_record *record,
			  size_t size)
{
	if (size >= sizeof(record->notice) && stream->handlers.notice)
		stream->handlers.notice(&record->notice, stream->context);
}

/* Passes a record to the handler of its kind, unless it is too short for its kind. */
static void handle_record(const struct event_stream *stream, const union pyfrag_record *record,
			  size_t size)
{
	if (size < sizeof(record->type))
		return;
	switch (record->type) {
	case EVENT_EXEC:
	case EVENT_FORK:
	case EVENT_OVERRUN:
		handle_notice(stream, record, size);
		return;
	case EVENT_STACK:
		handle_stack(stream, record, size);
		return;
	default:
		handle_event(stream, record, size);
	}
}

/* A negative result ends ring_buffer__consume() after this record. */
static int take_record(void *context, void *data, size_t size)
{
	struct event_stream *stream = context;
	size_t bytes = HEADER_BYTES + (size + HEADER_BYTES - 1) / HEADER_BYTES * HEADER_BYTES;

	handle_record(stream, data, size);
	stream->left_bytes -= bytes < stream->left_bytes ? bytes : stream->left_bytes;
	return stream->left_bytes ? 0 : -EAGAIN;
}

/*
 * Handles at most as many bytes as the ring holds. That covers everything that was in the ring;
 * without a limit, the loop would not end if events arrive faster than they are handled.
 */
static void consume(struct event_stream *stream)
{
	stream->left_bytes = stream->ring_bytes;
	ring_buffer__consume(stream->ring);
}

/* Mutexes are not fair: without this, a thread that never waits would relock it at once. */
static void give_turn(struct event_stream *stream)
{
	while (atomic_load(&stream->waiting_cnt) && !atomic_load(&stream->stop))
		sleep_ns(TURN_NS);
}

static void *run_thread(void *context)
{
	struct event_stream *stream = context;
	int epoll_fd = ring_buffer__epoll_fd(stream->ring);

	while (!atomic_load(&stream->stop)) {
		struct epoll_event event;

		epoll_wait(epoll_fd, &event, 1, LOOK_INTERVAL_MS);
		pthread_mutex_lock(&stream->lock);
		consume(stream);
		pthread_mutex_unlock(&stream->lock);
		give_turn(stream);
	}
	return NULL;
}

/* Blocks all signals in the thread: they are for the program's other threads. */
static int start_thread(struct event_stream *stream)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&stream->thread, NULL, run_thread, stream);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	stream->running = !err;
	return -err;
}

int event_stream__start(struct event_stream **out, int ring_fd, size_t ring_bytes,
			const struct event_handlers *handlers, void *context)
{
	_cleanup_(event_stream__freep) struct event_stream *stream = calloc(1, sizeof(*stream));
	int err;

	if (!stream)
		return -ENOMEM;
	stream->handlers = *handlers;
	stream->context = context;
	stream->ring_bytes = ring_bytes;
	err = pthread_mutex_init(&stream->lock, NULL);
	if (err)
		return -err;
	stream->ring = ring_buffer__new(ring_fd, take_record, stream, NULL);
	if (!stream->ring)
		return -errno;
	err = start_thread(stream);
	if (err)
		return err;
	*out = TAKE_PTR(stream);
	return 0;
}

void event_stream__drain(struct event_stream *stream)
{
	event_stream__lock(stream);
	consume(stream);
	event_stream__unlock(stream);
}

void event_stream__lock(struct event_stream *stream)
{
	atomic_fetch_add(&stream->waiting_cnt, 1);
	pthread_mutex_lock(&stream->lock);
	atomic_fetch_sub(&stream->waiting_cnt, 1);
}

void event_stream__unlock(struct event_stream *stream)
{
	pthread_mutex_unlock(&stream->lock);
}

void event_stream__free(struct event_stream *stream)
{
	if (!stream)
		return;
	if (stream->running) {
		atomic_store(&stream->stop, true);
		pthread_join(stream->thread, NULL);
		event_stream__drain(stream);
	}
	ring_buffer__free(stream->ring);
	pthread_mutex_destroy(&stream->lock);
	free(stream);
}

void event_stream__freep(struct event_stream **stream)
{
	event_stream__free(*stream);
}
