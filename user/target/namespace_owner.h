/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is accountable for a process in a user namespace. An unprivileged user can act as many users
 * there (subuid(5): usually 65,536), each of which would get a share of what pyfrag does per user.
 * All of them count as the user who created the namespace.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/*
 * For process @pid, whose real user is @uid: the user who created the outermost user namespace that
 * it is in and we are not; or @uid, if there is none, or if it is unknown. Also @uid if root
 * created it: root's containers have users of their own (see process_owner.h).
 */
uid_t namespace_owner__of(pid_t pid, uid_t uid);

/*
 * Whether process @pid is in our user namespace, or in one with the same users, according to
 * /proc/PID/uid_map, which can be read without waiting for the process (memory_thread.h). Also
 * false if that cannot be read.
 */
bool namespace_owner__is_ours(pid_t pid);
