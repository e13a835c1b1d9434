// SPDX-License-Identifier: BSD-2-Clause
#include "target/sleep_watch.h"

bool sleep_watch__has_slept(struct sleep_watch *watch, const struct target *target)
{
	const struct sleep_watch before = *watch;

	watch->is_known = !target__cpu_ns(target, &watch->cpu_ns) &&
			  !target__activity(target, &watch->activity);
	return before.is_known && watch->is_known && !watch->activity.runs &&
	       watch->cpu_ns == before.cpu_ns &&
	       watch->activity.switches == before.activity.switches;
}
