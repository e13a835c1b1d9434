/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A running process as a target. It is held by a pidfd, so that a recycled pid is never taken for
 * it.
 *
 * Files whose names begin with "live" read it: live_proc.h says where, the others are a part of
 * struct target_ops each.
 */
#pragma once

#include <sys/types.h>

#include "target/target.h"
#include "util/failure.h"

/*
 * Opens a process by pid and reads its maps; target__free() closes it. Errors: -ESRCH no such
 * process (or a zombie), -EINVAL a thread that is not its process' first, -EACCES, -EPERM, -ENOMEM.
 */
int live__open(struct target **out, pid_t pid, struct failure *failure);

/*
 * What it knows. Of a struct target with this table and a pid, and nothing else, what does not need
 * the process to be held can be asked: all but is_alive(), exit_fd(), pause(), resume(), settle()
 * and free().
 */
extern const struct target_ops live_ops;
