/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who answers for a process, as far as pyfrag shares itself among them: its time, its memory, its
 * places. That is not only the user: processes of one user in two containers have nothing to do
 * with each other, and most containers' processes are root's, in the host's own user namespace. So
 * it is
 *   the container or pod, whoever the user in there is;
 *   outside of containers the user (namespace_owner.h), whatever groups that has made;
 *   and of root the unit of systemd, or whatever group is the outermost one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A user by its number; else a hash (util/hash.h) with this bit. */
typedef uint64_t process_owner;
#define OWNER_IS_GROUP (1UL << 63)

/* What "status" of a process says of who it is, read without waiting for it. */
struct process_credentials {
	pid_t thread_group;
	uid_t uid;	 /* real */
	bool is_of_host; /* it is in our PID namespace, not in one of its own */
};

/* Returns 0 or negative errno. */
int process_credentials__read(struct process_credentials *out, pid_t pid);

/*
 * Who answers for process @pid, by its real user. The owner of its directory in /proc would not do:
 * that is the effective user. Returns 0 or negative errno.
 */
int process_owner__find(pid_t pid, process_owner *owner);

/*
 * The same, without waiting for the process. Returns also -EAGAIN, as process_owner__of_now()
 * does.
 */
int process_owner__find_now(pid_t pid, process_owner *owner);

/*
 * Of process @pid, whose real user is @uid. @is_of_host: the process is in our PID namespace, not
 * in one of its own. A process in a user namespace can make this wait as long as it likes
 * (memory_thread.h).
 */
process_owner process_owner__of(pid_t pid, uid_t uid, bool is_of_host);

/*
 * The same, without waiting for the process. Returns 0; or -EAGAIN: it is in a user namespace whose
 * owner is not known by that. *out then stands for those it may be of, a few for each user.
 */
int process_owner__of_now(process_owner *out, pid_t pid, uid_t uid, bool is_of_host);

/* The same, of the text of /proc/PID/cgroup and of the user that namespace_owner__of() says. */
process_owner process_owner__decide(const char *cgroups, uid_t uid, bool is_of_host);

/* Whether that is root outside of containers, which has no need to harm others by what it runs. */
bool process_owner__is_trusted(process_owner owner);
