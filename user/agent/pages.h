/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an agent answers most requests with, ready to be sent: written after readings, when there is
 * anything new, so that one which takes its time keeps no client waiting.
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

/* A larger one is not served. */
#define PAGE_BYTES_MAX (32UL << 20)

struct page {
	char *text; /* NULL: there is none yet */
	size_t size;
};

/* What was last written, and from what. */
struct pages {
	struct host_counts counts;
	struct host_metrics_extra extra;
	uint64_t written_ns; /* CLOCK_MONOTONIC; 0: not yet */
};

/* Whether they would say anything new. */
bool pages__are_old(const struct pages *pages, const struct host *host,
		    const struct host_metrics_extra *extra);
void pages__note(struct pages *pages, const struct host *host,
		 const struct host_metrics_extra *extra);

/* Writes one, which the caller frees. Returns 0 or -ENOMEM. */
int page__write(struct page *out, enum page_kind kind, const struct host *host,
		const struct host_metrics_extra *extra);
