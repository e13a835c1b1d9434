/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a target has slept since the last call: then its memory is unchanged. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"

/* What the last call has seen; all zero before the first. */
struct sleep_watch {
	struct target_activity activity;
	uint64_t cpu_ns;
	bool is_known;
};

/*
 * Whether no thread of @target has run since the last call: none was switched out since, and none
 * runs now. If this is unknown, a thread counts as having run. Call it before the memory is read.
 */
bool sleep_watch__has_slept(struct sleep_watch *watch, const struct target *target);
