/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast arenas grow, over the last readings. */
#pragma once

#include <stdint.h>

#define GROWTH_SAMPLES 8

/* Zero-initialized. */
struct growth {
	struct growth_sample {
		uint64_t time_ns, arena_bytes;
	} samples[GROWTH_SAMPLES]; /* a ring */
	uint32_t cnt;
};

/* Adds what was read at @time_ns (any clock that does not go back). Returns as below. */
double growth__add(struct growth *growth, uint64_t time_ns, uint64_t arena_bytes);

/* Bytes a minute, from the oldest reading that is known to the last one; 0 if there are too few. */
double growth__per_minute(const struct growth *growth);
