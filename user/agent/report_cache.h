/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reports that were served last, each for a second: so a report is written once a second at
 * most, however many ask for it. All together take no more memory than the largest report.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/shared_text.h"

#define REPORT_CACHE_NS	 1000000000UL
#define REPORT_CACHE_MAX 16

/* Zero-initialized; the caller releases. */
struct report_cache {
	struct cached_report {
		pid_t pid;
		uint64_t written_ns;
		struct shared_text *text;
	} items[REPORT_CACHE_MAX]; /* the oldest first */
	size_t cnt, bytes;
};

void report_cache__release(struct report_cache *cache);

/* The report of that process if it is not too old at @now_ns, which stays the cache's; or NULL. */
struct shared_text *report_cache__find(struct report_cache *cache, pid_t pid, uint64_t now_ns);

/* Holds @text, which was written at @now_ns and is not in there. */
void report_cache__put(struct report_cache *cache, pid_t pid, struct shared_text *text,
		       uint64_t now_ns);
