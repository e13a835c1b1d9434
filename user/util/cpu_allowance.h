/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits the CPU time that the calling thread may spend on one piece of work. The target determines
 * how long a reading takes: its structures can send a reader back to the start fifty times, its
 * lists can be as long as permitted, its files can be large. Each of these is bounded, but their
 * product amounts to hours. So one bound covers all of it. It is checked where bytes of a target
 * are read, and in loops that run for long without reading.
 *
 * Once the allowance is exhausted, every further check fails until the allowance ends. So code that
 * continues in spite of an error reads nothing more. cpu_allowance__end() also returns -ETIME then,
 * whatever the code in between has made of the error. So running out of time is never mistaken for
 * missing data.
 *
 * The allowance belongs to the thread, and is not passed explicitly like an account of memory
 * (account.h). Memory outlives the work, may be allocated for one target while another is being
 * processed, and must be charged to the right one. CPU time is used by the thread that checks it,
 * at that moment, for its only piece of work, so nothing can be charged wrongly. Work that is
 * passed to another thread is not covered.
 */
#pragma once

#include <stdint.h>

/*
 * Allows the calling thread @ns nanoseconds of CPU time, user and system, from now on. Replaces an
 * allowance that has not ended.
 */
void cpu_allowance__begin(uint64_t ns);

/*
 * Returns 0, or -ETIME if the allowance is exhausted. Without an allowance there is no limit. It
 * takes a few nanoseconds and no system call: the thread's CPU clock is only read when enough time
 * has passed on the coarse monotonic clock, which lags by up to a tick (at most 10 ms).
 */
int cpu_allowance__check(void);

/* The same for round @i of a loop whose rounds take far less than a microsecond each. */
static inline int cpu_allowance__check_round(uint64_t i)
{
	return i % 1024 ? 0 : cpu_allowance__check();
}

/* Ends the allowance. Returns 0, or -ETIME if a check has failed since it began. */
int cpu_allowance__end(void);
