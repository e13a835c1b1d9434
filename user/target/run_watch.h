/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether threads of a target that could not run have run since.
 *
 * Where there are more threads than CPUs, or where a container has used up its CPU quota, a thread
 * that is ready may not run for seconds. Whatever it is about to do, it does then. What it does
 * within a fraction of a millisecond of its own time, it has done when it has run for that long, or
 * sleeps, or has ended, however long that takes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "target/target.h"

/* Further threads are not watched. */
#define RUN_WATCH_THREADS_MAX 256

/* The threads that have not run yet. */
struct run_watch {
	struct ready_thread threads[RUN_WATCH_THREADS_MAX];
	size_t cnt;
};

/* Watches the threads of @target that are not asleep now; none if that is unknown. */
void run_watch__begin(struct run_watch *watch, const struct target *target);

/* Whether all of them have run, slept or ended since. */
bool run_watch__all_have_run(struct run_watch *watch, const struct target *target);
