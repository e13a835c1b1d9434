/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rate limiter for a resource that others can request, such as CPU time. The allowance grows at a
 * constant rate up to @max, which permits bursts. The cost of a request may only be known
 * afterwards; if it exceeds the allowance, the difference is a debt, and nothing may be spent until
 * it is repaid. So in the long run spending never exceeds the rate.
 */
#pragma once

#include <stdint.h>

struct allowance {
	double per_ns;	/* growth per nanosecond */
	double max;	/* upper bound of @left */
	double left;	/* negative: a debt */
	uint64_t at_ns; /* when @left was updated */
};

/* Starts with @max. All times must come from the same monotonic clock. */
void allowance__begin(struct allowance *allowance, double per_ns, double max, uint64_t now_ns);

void allowance__spend(struct allowance *allowance, double amount, uint64_t now_ns);

/* Nanoseconds until something may be spent; 0: now. */
uint64_t allowance__wait_ns(const struct allowance *allowance, uint64_t now_ns);
