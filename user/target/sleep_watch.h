/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a target has slept since it was last asked: then its memory is unchanged.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"

/* What was seen last; all zero before that. */
struct sleep_watch {
	struct target_activity activity;
	uint64_t cpu_ns;
	bool is_known;
};

/*
 * Whether no thread of @target has run since it was asked last: none was switched out since,
 * and none runs now. Unknown counts as having run. Call it before the memory is
 * read.
 */
bool sleep_watch__has_slept(struct sleep_watch *watch, const struct target *target);
