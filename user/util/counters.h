/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counters of one trace, or of one report, by their names (pyfrag/counters.h). All zero at
 * first.
 *
 * Who sees each case as it happens adds it. Who keeps a total of its own sets it, as often as it
 * likes.
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
