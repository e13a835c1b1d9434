// SPDX-License-Identifier: BSD-2-Clause
#include "util/allowance.h"

#include <math.h>

void allowance__begin(struct allowance *allowance, double per_ns, double max, uint64_t now_ns)
{
	*allowance = (struct allowance){.per_ns = per_ns, .max = max, .left = max, .at_ns = now_ns};
}

static double left_at(const struct allowance *allowance, uint64_t now_ns)
{
	double more = allowance->per_ns * (double)(now_ns - allowance->at_ns);

	return fmin(allowance->left + more, allowance->max);
}

void allowance__spend(struct allowance *allowance, double amount, uint64_t now_ns)
{
	allowance->left = left_at(allowance, now_ns) - amount;
	allowance->at_ns = now_ns;
}

uint64_t allowance__wait_ns(const struct allowance *allowance, uint64_t now_ns)
{
	double left = left_at(allowance, now_ns);

	return left > 0 ? 0 : (uint64_t)(-left / allowance->per_ns) + 1;
}
