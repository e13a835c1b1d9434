/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a running process is active: its CPU time, how often its threads were switched out, and
 * which of them are not asleep.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/target.h"

/* As target__cpu_ns(), for process @pid. */
int live_activity__cpu_ns(pid_t pid, uint64_t *ns);

/* As target__activity(), for process @pid. */
int live_activity__read(pid_t pid, struct target_activity *out);

/* As target__ready_threads(), for process @pid. */
int live_activity__ready_threads(pid_t pid, struct ready_thread *out, size_t max, size_t *cnt);

/*
 * Whether the first thread of process @pid has ended. The process lives on as long as another
 * thread does (memory_thread.h).
 */
bool live_activity__first_thread_has_ended(pid_t pid);
