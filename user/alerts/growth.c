// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/growth.h"

double growth__add(struct growth *growth, uint64_t time_ns, uint64_t arena_bytes)
{
	growth->samples[growth->cnt++ % GROWTH_SAMPLES] =
		(struct growth_sample){.time_ns = time_ns, .arena_bytes = arena_bytes};
	return growth__per_minute(growth);
}

double growth__per_minute(const struct growth *growth)
{
	const struct growth_sample *last, *first;
	uint32_t cnt = growth->cnt;

	if (cnt < 2)
		return 0;
	last = &growth->samples[(cnt - 1) % GROWTH_SAMPLES];
	first = &growth->samples[cnt < GROWTH_SAMPLES ? 0 : cnt % GROWTH_SAMPLES];
	if (last->time_ns == first->time_ns)
		return 0;
	return ((double)last->arena_bytes - (double)first->arena_bytes) /
	       ((double)(last->time_ns - first->time_ns) / 60e9);
}
