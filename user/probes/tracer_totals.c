// SPDX-License-Identifier: BSD-2-Clause
#include "probes/tracer_totals.h"

double tracer_cost__share(const struct tracer_cost *cost)
{
	double all_ns = (double)cost->cpu_ns, spent_ns = (double)cost->spent_ns;
	double own_ns = all_ns - spent_ns;

	/* The cost of a hit is an estimate, so the total may exceed the time that was used. */
	if (own_ns < all_ns / 100)
		own_ns = all_ns / 100;
	return own_ns > 0 ? spent_ns / own_ns : 0;
}
