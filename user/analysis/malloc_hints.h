/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What would make malloc release memory, where its state shows that it would: malloc_trim(3), or a
 * setting with which the process is started (mallopt(3)). Each hint is about resident memory that
 * is free, a tenth of the resident set or more.
 *
 * - MALLOC_ARENA_MAX: several arenas of threads are nearly empty, and keep what was freed there.
 * - MALLOC_MMAP_THRESHOLD_: a large block had a mapping of its own when it was freed. That has
 *   raised the limit from which blocks get one (free(), malloc/malloc.c), so blocks of that size
 *   come from the heaps since. There they leave gaps that are not released. It is said only if
 *   most of what is in use in the heaps are such blocks; otherwise the gaps may be of small ones.
 * - MALLOC_TRIM_THRESHOLD_: this limit rises with the other one, to twice its value. Tops up to it
 *   are not released.
 */
#pragma once

#include <stdint.h>

#include "analysis/malloc_use.h"

enum malloc_hint_rule {
	MALLOC_HINT_TRIM,
	MALLOC_HINT_ARENA_MAX,
	MALLOC_HINT_MMAP_THRESHOLD,
	MALLOC_HINT_TRIM_THRESHOLD,
	MALLOC_HINT_CNT,
};

/* "malloc_trim", and the names of the environment variables */
extern const char *const malloc_hint_rule_names[MALLOC_HINT_CNT];

struct malloc_hint {
	enum malloc_hint_rule rule;
	uint64_t bytes; /* resident, that it is about */
	char text[200]; /* what to do, and the figures that show it */
};

struct malloc_hints {
	struct malloc_hint items[MALLOC_HINT_CNT];
	size_t cnt;
};

/* Finds the hints for a malloc of a process that has @resident_bytes in RAM. */
struct malloc_hints malloc_hints__find(const struct malloc_use_item *malloc,
				       uint64_t resident_bytes);
