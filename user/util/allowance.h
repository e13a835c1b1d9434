/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much may be spent of something that others ask for: so much a second on average, and what was
 * saved up, at most @max, at once. What is spent beyond that is a debt, and nothing may be spent
 * until it is paid: so no more is spent in the long run, however much one thing costs that had to
 * be begun before that was known.
 */
#pragma once

#include <stdint.h>

struct allowance {
	double per_ns;	/* what comes in */
	double max;	/* what is saved at most */
	double left;	/* below 0: a debt */
	uint64_t at_ns; /* when that was so */
};

/* As much is saved as may be. All times are of one clock that does not go back. */
void allowance__begin(struct allowance *allowance, double per_ns, double max, uint64_t now_ns);

void allowance__spend(struct allowance *allowance, double amount, uint64_t now_ns);

/* How long it is until something may be spent; 0: it may be now. */
uint64_t allowance__wait_ns(const struct allowance *allowance, uint64_t now_ns);
