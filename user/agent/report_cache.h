/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reports that were served last, kept for one second each. So the report of a process is
 * written at most once a second, however many clients request it. All cached reports together take
 * no more memory than the largest report may.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/shared_text.h"

#define REPORT_CACHE_NS	 1000000000UL
#define REPORT_CACHE_MAX 16

/* Initialize with zeros; the caller releases the cache. */
struct report_cache {
	struct cached_report {
		pid_t pid;
		uint64_t written_ns;
		struct shared_text *text;
	} items[REPORT_CACHE_MAX]; /* oldest first */
	size_t cnt, bytes;
};

void report_cache__release(struct report_cache *cache);

/*
 * Returns the report of process @pid if it is recent enough at @now_ns, else NULL. The cache keeps
 * ownership.
 */
struct shared_text *report_cache__find(struct report_cache *cache, pid_t pid, uint64_t now_ns);

/* Adds a reference to @text, the report of @pid written at @now_ns. @pid must not be cached yet. */
void report_cache__put(struct report_cache *cache, pid_t pid, struct shared_text *text,
		       uint64_t now_ns);
