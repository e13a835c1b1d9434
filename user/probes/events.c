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

#include "pyfrag/stacks.h"
#include "util/cleanup.h"

/*
 * Events that do not wake anybody wait at most so long: a wake-up takes 40 us of a core. Stacks
 * wake at once, and who wants to know how things stand drains the ring first.
 */
#define LOOK_INTERVAL_MS 200

struct event_stream {
	struct ring_buffer *ring;
	pthread_mutex_t lock;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	void (*handle)(const struct pyfrag_event *event, void *context);
	void *context;
};

/* How long the record is that begins with @event. */
static size_t record_bytes(const struct pyfrag_event *event)
{
	if (event->type == EVENT_STACK)
		return sizeof(*event) + event->reserved * sizeof(struct pyfrag_frame);
	return event->reserved & PYFRAG_EVENT_HAS_STACK ? sizeof(struct pyfrag_stacked_event)
							: sizeof(*event);
}

static int take_record(void *context, void *data, size_t size)
{
	struct event_stream *stream = context;

	if (size >= sizeof(struct pyfrag_event) && size >= record_bytes(data))
		stream->handle(data, stream->context);
	return 0;
}

static void *run_thread(void *context)
{
	struct event_stream *stream = context;
	int epoll_fd = ring_buffer__epoll_fd(stream->ring);

	while (!atomic_load(&stream->stop)) {
		struct epoll_event event;

		epoll_wait(epoll_fd, &event, 1, LOOK_INTERVAL_MS);
		event_stream__drain(stream);
	}
	return NULL;
}

/* The thread takes no signals: those are for whoever runs the program. */
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

int event_stream__start(struct event_stream **out, int ring_fd,
			void (*handle)(const struct pyfrag_event *event, void *context),
			void *context)
{
	_cleanup_(event_stream__freep) struct event_stream *stream = calloc(1, sizeof(*stream));
	int err;

	if (!stream)
		return -ENOMEM;
	stream->handle = handle;
	stream->context = context;
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
	pthread_mutex_lock(&stream->lock);
	ring_buffer__consume(stream->ring);
	pthread_mutex_unlock(&stream->lock);
}

void event_stream__lock(struct event_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
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
