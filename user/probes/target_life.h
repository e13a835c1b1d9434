/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to the traced process itself: it executes another program, which ends the trace, or
 * forks. A child inherits the breakpoints with the target's memory, and they have to be removed.
 * That takes as long as attaching, so it is done once for all children of half a second.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct target_life {
	int exec_fd; /* readable when the target has executed another program */
	int fork_fd; /* a timer, readable half a second after a fork */
	bool execed;
	bool fork_timer_runs;
	uint64_t fork_cnt;
};

/* Returns 0 or negative errno. Release the object in both cases. */
int target_life__init(struct target_life *life);
void target_life__release(struct target_life *life);

void target_life__note_exec(struct target_life *life);
void target_life__note_fork(struct target_life *life);

/* From now on, another fork starts the timer again. */
void target_life__rearm(struct target_life *life);

/* Makes fork_fd unreadable until the timer expires again. Returns 0 or negative errno. */
int target_life__clear_forks(const struct target_life *life);
