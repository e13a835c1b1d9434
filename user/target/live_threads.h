/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads of a running process, and where the stacks of those that wait are:
 * /proc/PID/task/TID/syscall (proc_pid_syscall(5)).
 */
#pragma once

#include <sys/types.h>

#include "target/target.h"

/* As target__visit_threads(), of process @pid. */
int live_threads__visit(pid_t pid, target_thread_fn *take, void *context);
