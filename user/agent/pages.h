/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The documents that an agent serves most: metrics and the list of processes. The reader writes
 * them after it has read heaps, if anything has changed. So clients get them at once, even while a
 * slow heap is being read.
 */
#pragma once

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

/* A larger page is not served. */
#define PAGE_BYTES_MAX (32UL << 20)

struct page {
	char *text; /* NULL: not written yet */
	size_t size;
};

/* The state that the last pages were written from. */
struct pages {
	struct host_counts counts;
	struct host_metrics_extra extra;
	uint64_t written_ns; /* CLOCK_MONOTONIC; 0: not yet */
};

/* Whether the state has changed since the pages were written, or they are too old. */
bool pages__are_old(const struct pages *pages, const struct host *host,
		    const struct host_metrics_extra *extra);
void pages__note(struct pages *pages, const struct host *host,
		 const struct host_metrics_extra *extra);

/* Writes a page, which the caller frees. Returns 0 or -ENOMEM. */
int page__write(struct page *out, enum page_kind kind, const struct host *host,
		const struct host_metrics_extra *extra);
