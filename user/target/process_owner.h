/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is accountable for a process, wherever pyfrag divides its time, its memory or its slots among
 * owners. That is not simply the user: processes of one user in two containers have nothing to do
 * with each other, and the processes of most containers belong to root, in the host's own user
 * namespace. So the owner is
 * - the container or pod, whichever user is inside;
 * - outside of containers, the user (namespace_owner.h), whatever groups the user has created;
 * - for root, the systemd unit, or else the outermost group.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A user by number; anything else is a hash (util/hash.h) with this bit. */
typedef uint64_t process_owner;
#define OWNER_IS_GROUP (1UL << 63)

/* What "status" says about who a process is, read without waiting for the process. */
struct process_credentials {
	pid_t thread_group;
	uid_t uid;	 /* real */
	bool is_of_host; /* it is in our PID namespace, not in one below it */
};

/* Returns 0 or negative errno. */
int process_credentials__read(struct process_credentials *out, pid_t pid);

/*
 * The owner of process @pid, by its real user. The owner of its directory in /proc cannot be used:
 * that is the effective user. Returns 0 or negative errno.
 */
int process_owner__find(pid_t pid, process_owner *owner);

/*
 * As process_owner__find(), without waiting for the process. Also returns -EAGAIN, as
 * process_owner__of_now() does.
 */
int process_owner__find_now(pid_t pid, process_owner *owner);

/*
 * The owner of process @pid, whose real user is @uid. @is_of_host: the process is in our PID
 * namespace, not in one below it. A process in a user namespace can make this wait indefinitely
 * (memory_thread.h).
 */
process_owner process_owner__of(pid_t pid, uid_t uid, bool is_of_host);

/*
 * As process_owner__of(), without waiting for the process. Returns 0; or -EAGAIN: it is in a user
 * namespace whose owner cannot be determined this way. *out then stands for all owners that it may
 * have; there are a few such values per user.
 */
int process_owner__of_now(process_owner *out, pid_t pid, uid_t uid, bool is_of_host);

/*
 * As process_owner__of(), from the text of /proc/PID/cgroup and the user that namespace_owner__of()
 * returns.
 */
process_owner process_owner__decide(const char *cgroups, uid_t uid, bool is_of_host);

/* Whether the owner is root outside of containers, which could harm others in simpler ways. */
bool process_owner__is_trusted(process_owner owner);
