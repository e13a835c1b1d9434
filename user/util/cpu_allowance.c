// SPDX-License-Identifier: BSD-2-Clause
#include "util/cpu_allowance.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>

#include "util/clock.h"

static _Thread_local struct {
	bool is_begun, is_used_up;
	uint64_t end_ns; /* CLOCK_THREAD_CPUTIME_ID */
	/* CLOCK_MONOTONIC_COARSE. Until then, too little time has passed to use up the rest. */
	uint64_t look_ns;
} allowance;

void cpu_allowance__begin(uint64_t ns)
{
	allowance.is_begun = true;
	allowance.is_used_up = false;
	allowance.end_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ns;
	allowance.look_ns = clock_ns(CLOCK_MONOTONIC_COARSE) + ns;
}

int cpu_allowance__check(void)
{
	uint64_t now_ns, used_ns;

	if (!allowance.is_begun)
		return 0;
	if (allowance.is_used_up)
		return -ETIME;
	now_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
	if (now_ns < allowance.look_ns)
		return 0;
	used_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	if (used_ns >= allowance.end_ns) {
		allowance.is_used_up = true;
		return -ETIME;
	}
	allowance.look_ns = now_ns + (allowance.end_ns - used_ns);
	return 0;
}

int cpu_allowance__end(void)
{
	bool is_used_up = allowance.is_begun && allowance.is_used_up;

	allowance.is_begun = false;
	return is_used_up ? -ETIME : 0;
}
