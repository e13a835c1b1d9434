/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counters of one trace or one report, by name (pyfrag/counters.h). They start at zero.
 *
 * Use counters__add() for each event as it happens, and counters__set() to publish a total that is
 * kept elsewhere; it can be called repeatedly.
 */
#pragma once

#include <stdint.h>

#include "pyfrag/counters.h"

struct counters {
	uint64_t values[COUNTER_CNT];
};

static inline void counters__add(struct counters *counters, enum pyfrag_counter which,
				 uint64_t cases)
{
	counters->values[which] += cases;
}

static inline void counters__set(struct counters *counters, enum pyfrag_counter which,
				 uint64_t total)
{
	counters->values[which] = total;
}

static inline uint64_t counters__get(const struct counters *counters, enum pyfrag_counter which)
{
	return counters->values[which];
}
