/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A running process as a target. A pidfd refers to it, so that a process that reuses the pid is
 * never mistaken for it.
 *
 * The files whose names begin with "live" read it: live_proc.h is the directory of the process, and
 * each of the others implements a part of struct target_ops.
 */
#pragma once

#include <sys/types.h>

#include "target/target.h"
#include "util/failure.h"

/*
 * Opens a process by pid and reads its maps; target__free() closes it. Errors: -ESRCH no such
 * process (or a zombie), -EINVAL the id of a thread that is not the first of its process, -EACCES,
 * -EPERM, -ENOMEM.
 */
int live__open(struct target **out, pid_t pid, struct failure *failure);

/*
 * The operations of a running process. All but is_alive(), exit_fd(), pause(), resume(), settle()
 * and free() also work on a struct target in which only this table and the pid are set;
 * find_mapped_file() needs exe, too.
 */
extern const struct target_ops live_ops;
