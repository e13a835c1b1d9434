/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a process has slept since it was last looked at: then its memory is what it was.
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
 * Whether no thread of process @pid has run since it was asked last: none was switched out since,
 * and none runs now. What cannot be told counts as having run. To be asked before its memory is
 * read.
 */
bool sleep_watch__has_slept(struct sleep_watch *watch, pid_t pid);
