/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an agent answers most requests with, ready to be sent: written down after readings, so that one which takes its time
 * keeps no client waiting.
 */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "host/host.h"
#include "host/host_metrics.h"

enum page_kind {
	PAGE_METRICS_PLAIN,
	PAGE_METRICS_OPEN,
	PAGE_PROCESSES,
	PAGE_CNT,
};

struct pages {
	pthread_mutex_t lock; /* of the texts */
	struct page {
		char *text;
		size_t size;
	} pages[PAGE_CNT];
	/* What they were written from. */
	struct host_counts counts;
	uint64_t alerts_firing, alerts_fired;
	uint64_t written_ns; /* CLOCK_MONOTONIC; 0: not yet */
};

#define PAGES_EMPTY                                                                                \
	(struct pages)                                                                             \
	{                                                                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER                                                  \
	}

void pages__release(struct pages *pages);

/* Writes them if there is anything new to say. Returns 0 or -ENOMEM. */
int pages__update(struct pages *pages, const struct host *host,
		  const struct host_metrics_extra *extra);

/* A copy, the caller's to free; NULL: there is none yet, or no memory. From any thread. */
char *pages__copy(struct pages *pages, enum page_kind kind, size_t *size);
