// SPDX-License-Identifier: BSD-2-Clause
#include "target/sleep_watch.h"

bool sleep_watch__has_slept(struct sleep_watch *watch, pid_t pid)
{
	const struct sleep_watch before = *watch;

	watch->is_known = !live_activity__cpu_ns(pid, &watch->cpu_ns) &&
			  !live_activity__read(pid, &watch->activity);
	return before.is_known && watch->is_known && !watch->activity.runs &&
	       watch->cpu_ns == before.cpu_ns &&
	       watch->activity.switches == before.activity.switches;
}
