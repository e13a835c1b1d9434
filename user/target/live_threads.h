/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads of a running process, and the stack pointers of those that wait:
 * /proc/PID/task/TID/syscall (proc_pid_syscall(5)).
 */
#pragma once

#include <sys/types.h>

#include "target/target.h"

/* As target__visit_threads(), for process @pid. */
int live_threads__visit(pid_t pid, target_thread_fn *take, void *context);
