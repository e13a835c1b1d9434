// SPDX-License-Identifier: BSD-2-Clause
#include "target/run_watch.h"

/* Enough for a thousand instructions and the probes among them. */
#define ENOUGH_NS 200000

void run_watch__begin(struct run_watch *watch, const struct target *target)
{
	if (target__ready_threads(target, watch->threads, RUN_WATCH_THREADS_MAX, &watch->cnt))
		watch->cnt = 0;
}

/* Whether @thread is in @now, and has not run for long enough since it was seen. */
static bool still_waits(const struct ready_thread *thread, const struct run_watch *now)
{
	for (size_t i = 0; i < now->cnt; i++)
		if (now->threads[i].id == thread->id)
			return now->threads[i].ran_ns - thread->ran_ns < ENOUGH_NS;
	return false;
}

bool run_watch__all_have_run(struct run_watch *watch, const struct target *target)
{
	struct run_watch now;
	size_t kept = 0;

	run_watch__begin(&now, target);
	for (size_t i = 0; i < watch->cnt; i++)
		if (still_waits(&watch->threads[i], &now))
			watch->threads[kept++] = watch->threads[i];
	watch->cnt = kept;
	return !kept;
}
