/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much CPU time the calling thread may still use for one piece of work. Whoever is read decides
 * how long that takes: it can have structures that send a reader back to the start fifty times,
 * lists that are as long as they may be, files that are large. Each of these is bounded, but their
 * product is hours. So one bound is put around all of it, and is checked where bytes of a target
 * come in, and in loops that go on for long without any.
 *
 * An allowance that is used up stays so until it ends: each check fails from then on, so whatever
 * goes on in spite of an error reads nothing any more. And whoever began it learns at its end that
 * it was used up, whatever was made of the error in between: so the time that is over is never
 * taken for something that is not there.
 *
 * The allowance belongs to the thread, not to an object that is handed on as an account of memory
 * is (account.h). Memory lives on when the work is done, may be taken for one target while another
 * one is worked on, and has to be charged to the right one. Time is used by the thread that checks
 * it, at the moment when it does, for the one piece of work it has; there is nothing that could be
 * charged to somebody else. Work that is handed to another thread is not covered.
 */
#pragma once

#include <stdint.h>

/*
 * From now on the calling thread may use @ns of CPU time, user and system. What was begun before is
 * over.
 */
void cpu_allowance__begin(uint64_t ns);

/*
 * Returns 0; or -ETIME: the allowance is used up. Without an allowance there is no limit. Takes
 * some nanoseconds, no system call: the thread's own clock is asked only when enough time has
 * passed on the wall's, whose coarse one is behind by up to a tick (10 ms at most).
 */
int cpu_allowance__check(void);

/* There is no allowance any more. Returns 0; or -ETIME: a check has failed since it began. */
int cpu_allowance__end(void);
