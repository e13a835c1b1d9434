// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/malloc_hints.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "util/units.h"

/* A hint is given for no less than this share of the resident set, and no fewer bytes. */
#define SHARE_MIN 0.1
#define BYTES_MIN (1UL << 20)
/* MALLOC_ARENA_MAX is of use from so many nearly empty arenas of threads on. */
#define EMPTY_ARENAS_MIN 3
/* An arena is nearly empty if so many times more is free and resident than is in use. */
#define EMPTY_FACTOR 3
/* DEFAULT_MMAP_THRESHOLD and DEFAULT_TRIM_THRESHOLD of malloc/malloc.c */
#define DEFAULT_THRESHOLD (128UL << 10)

#define BYTES(bytes)	     units__bytes(bytes).text
#define COUNTED(count, noun) units__counted(count, noun).text
#define PERCENT(share)	     units__percent(share).text

const char *const malloc_hint_rule_names[MALLOC_HINT_CNT] = {
	[MALLOC_HINT_TRIM] = "malloc_trim",
	[MALLOC_HINT_ARENA_MAX] = "MALLOC_ARENA_MAX",
	[MALLOC_HINT_MMAP_THRESHOLD] = "MALLOC_MMAP_THRESHOLD_",
	[MALLOC_HINT_TRIM_THRESHOLD] = "MALLOC_TRIM_THRESHOLD_",
};

struct search {
	struct malloc_hints hints;
	const struct malloc_use_item *malloc;
	const struct malloc_parameters *parameters;
	uint64_t resident_bytes;
};

static bool is_worth_it(const struct search *search, uint64_t bytes)
{
	return bytes >= BYTES_MIN && (double)bytes >= SHARE_MIN * (double)search->resident_bytes;
}

static void add(struct search *search, enum malloc_hint_rule rule, uint64_t bytes,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

static void add(struct search *search, enum malloc_hint_rule rule, uint64_t bytes,
		const char *format, ...)
{
	struct malloc_hint *hint = &search->hints.items[search->hints.cnt++];
	va_list arguments;

	hint->rule = rule;
	hint->bytes = bytes;
	va_start(arguments, format);
	vsnprintf(hint->text, sizeof(hint->text), format, arguments);
	va_end(arguments);
}

static void consider_trim(struct search *search)
{
	uint64_t bytes = malloc_trim__released_bytes(search->malloc->trim);

	if (is_worth_it(search, bytes))
		add(search, MALLOC_HINT_TRIM, bytes,
		    "malloc_trim(0) would release %s (%s of the resident set): "
		    "ctypes.CDLL(None).malloc_trim(0)",
		    BYTES(bytes), PERCENT((double)bytes / (double)search->resident_bytes));
}

static void consider_arena_max(struct search *search)
{
	const struct malloc_image *image = search->malloc->image;
	uint64_t bytes = 0, in_use = 0;
	size_t cnt = 0;

	for (size_t i = 0; i < image->instance->arena_cnt; i++) {
		const struct arena_trim *trim = &search->malloc->trim->arenas[i];
		uint64_t free_bytes = trim->chunk_bytes + trim->top_bytes;

		if (image->instance->arenas[i].is_main ||
		    free_bytes < EMPTY_FACTOR * image->arenas[i].in_use.bytes)
			continue;
		cnt++;
		bytes += free_bytes;
		in_use += image->arenas[i].in_use.bytes;
	}
	if (cnt >= EMPTY_ARENAS_MIN && is_worth_it(search, bytes))
		add(search, MALLOC_HINT_ARENA_MAX, bytes,
		    "MALLOC_ARENA_MAX=2: %s of threads keep %s free, and have %s in use; with "
		    "fewer arenas, threads share the free memory (takes effect when the process is "
		    "next started)",
		    COUNTED(cnt, "arena"), BYTES(bytes), BYTES(in_use));
}

static void consider_mmap_threshold(struct search *search)
{
	const struct malloc_trim *trim = search->malloc->trim;
	uint64_t bytes = 0, in_use = search->malloc->total.large_in_use.bytes,
		 cnt = search->malloc->total.large_in_use.cnt;

	for (size_t i = 0; i < search->malloc->image->instance->arena_cnt; i++)
		bytes += trim->arenas[i].large_run_bytes;
	if (search->parameters->mmap_threshold <= DEFAULT_THRESHOLD ||
	    in_use < search->malloc->total.in_use.bytes / 2 || !is_worth_it(search, bytes))
		return;
	add(search, MALLOC_HINT_MMAP_THRESHOLD, bytes,
	    "MALLOC_MMAP_THRESHOLD_=%lu: %s is free between %s of %s or more (%s in total), which "
	    "are in the heaps because mmap_threshold has risen to %s",
	    DEFAULT_THRESHOLD, BYTES(bytes), COUNTED(cnt, "block"), BYTES(DEFAULT_THRESHOLD),
	    BYTES(in_use), BYTES(search->parameters->mmap_threshold));
}

static void consider_trim_threshold(struct search *search)
{
	uint64_t bytes = 0, pad = search->parameters->top_pad;

	for (size_t i = 0; i < search->malloc->image->instance->arena_cnt; i++) {
		uint64_t top = search->malloc->trim->arenas[i].top_bytes;

		if (top > pad && top >= DEFAULT_THRESHOLD)
			bytes += top - pad;
	}
	if (search->parameters->trim_threshold <= DEFAULT_THRESHOLD || !is_worth_it(search, bytes))
		return;
	add(search, MALLOC_HINT_TRIM_THRESHOLD, bytes,
	    "MALLOC_TRIM_THRESHOLD_=%lu: %s is free at the tops of arenas, and kept because "
	    "trim_threshold has risen to %s",
	    DEFAULT_THRESHOLD, BYTES(bytes), BYTES(search->parameters->trim_threshold));
}

struct malloc_hints malloc_hints__find(const struct malloc_use_item *malloc,
				       uint64_t resident_bytes)
{
	struct search search = {
		.malloc = malloc,
		.parameters = &malloc->image->instance->parameters,
		.resident_bytes = resident_bytes,
	};

	if (!malloc->trim->knows_resident || !resident_bytes)
		return search.hints;
	consider_trim(&search);
	if (!search.parameters->arenas_max)
		consider_arena_max(&search);
	if (!search.parameters->is_fixed) {
		consider_mmap_threshold(&search);
		consider_trim_threshold(&search);
	}
	return search.hints;
}
