/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast the arenas of a process grow, over the last readings. */
#pragma once

#include <stdint.h>

#define GROWTH_SAMPLES 8

/* Zero-initialized. */
struct growth {
	struct growth_sample {
		uint64_t time_ns, arena_bytes;
	} samples[GROWTH_SAMPLES]; /* a ring buffer */
	uint32_t cnt;
};

/*
 * Adds a reading at @time_ns (of any clock that does not go backwards). Returns
 * growth__per_minute().
 */
double growth__add(struct growth *growth, uint64_t time_ns, uint64_t arena_bytes);

/*
 * Bytes per minute from the oldest stored reading to the last one; 0 with fewer than two readings.
 */
double growth__per_minute(const struct growth *growth);
