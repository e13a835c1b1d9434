/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring buffer in place of libbpf's, for one test program: it includes this file once, and defines
 * ring_buffer__consume(), which passes records to the ring's @sample.
 */
#pragma once

#include <bpf/libbpf.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "unit_test.h"

struct ring_buffer {
	ring_buffer_sample_fn sample;
	void *context;
	int fd;
};

/* Whether polling says from the start on that there are records. The test program defines it. */
extern const bool fake_ring_buffer_is_ready;

struct ring_buffer *ring_buffer__new(int map_fd, ring_buffer_sample_fn sample_cb, void *ctx,
				     const struct ring_buffer_opts *opts)
{
	struct ring_buffer *ring = calloc(1, sizeof(*ring));

	(void)map_fd;
	(void)opts;
	assert_non_null(ring);
	*ring = (struct ring_buffer){sample_cb, ctx,
				     eventfd(fake_ring_buffer_is_ready, EFD_CLOEXEC)};
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
