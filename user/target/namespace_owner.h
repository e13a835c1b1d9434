/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who answers for a process in a user namespace. An unprivileged user can be many users there
 * (subuid(5): 65,536 as a rule), each of which would have a share of what pyfrag does for each
 * user. All of them are the one who made the namespace.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/*
 * Of process @pid, whose real user is @uid: who made the outermost user namespace that it is in
 * and we are not; or @uid, if there is none, or nothing is known of it. It is @uid, too, if root
 * made it: a container of root's has users of its own (see process_owner.h).
 */
uid_t namespace_owner__of(pid_t pid, uid_t uid);

/*
 * Whether process @pid is in our user namespace, or in one whose users are the same: by the text of
 * /proc/PID/uid_map, which can be read without waiting for the process (memory_thread.h). False,
 * too, if that cannot be read.
 */
bool namespace_owner__is_ours(pid_t pid);
