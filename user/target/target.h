/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process as /proc shows it: who it is, and what is mapped where. The process is held by a pidfd,
 * so that a recycled pid is never taken for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/mapping.h"
#include "target/memory.h"
#include "target/process_owner.h"
#include "util/failure.h"

struct target {
	pid_t pid;	     /* in our pid namespace */
	process_owner owner; /* when it was opened */
	/*
	 * When it started, in clock ticks after boot; 0: not known. Later processes of the same pid
	 * have another one, the same process after an exec has not.
	 */
	uint64_t start_ticks;
	int pidfd;
	char *comm;
	char **cmdline;	      /* NULL-terminated; empty for a kernel thread; 4 KiB of it at most */
	bool cmdline_is_cut;  /* it is longer; its last word ends in "..." */
	char *exe;	      /* where /proc/PID/exe points, "" if unreadable */
	char *cgroup;	      /* path in the cgroup v2 hierarchy, "" if none */
	struct mapping *maps; /* as mappings__read() */
	size_t map_cnt;
	bool maps_are_cut;
	struct live_memory memory;
};

/*
 * Opens a process by pid; the caller frees it. Errors: -ESRCH no such process (or a zombie),
 * -EINVAL a thread that is not its process' first, -EACCES, -EPERM, -ENOMEM.
 */
int live__open(struct target **out, pid_t pid, struct failure *failure);
void target__free(struct target *target);
void target__freep(struct target **target);

/*
 * Why this process may not read another one (-EPERM, -EACCES), and what to do, for a message: that
 * depends on whether it has CAP_SYS_PTRACE.
 */
const char *target__refusal(void);

/* Reads the maps afresh. On failure the old ones stay. */
int target__reload_maps(struct target *target, struct failure *failure);

/* Frees the maps: there are none then, until they are read afresh. */
void target__forget_maps(struct target *target);

/*
 * Who answers for process @pid (process_owner.h), by its real user. The owner of /proc/PID would
 * not do: that is the effective user. Returns 0 or negative errno.
 */
int process_owner__find(pid_t pid, process_owner *owner);

/*
 * The same, without waiting for the process. Returns also -EAGAIN, as process_owner__of_now()
 * does.
 */
int process_owner__find_now(pid_t pid, process_owner *owner);

/*
 * The CPU time that all threads of process @pid have used, also those that ended. 0 or negative
 * errno.
 */
int live_activity__cpu_ns(pid_t pid, uint64_t *ns);

/*
 * How often threads of process @pid were switched out, those of threads that have ended not among
 * them, and whether one runs now, or wants to. CPU time does not tell as much: where a hypervisor
 * takes time away, none may be charged for a while that a thread has run. A process of more than
 * 1024 threads is always said to run: to look at each takes time. Returns 0 or negative errno.
 */
struct target_activity {
	uint64_t switches;
	bool runs;
};

int live_activity__read(pid_t pid, struct target_activity *out);

/*
 * Whether the first thread of process @pid has ended: the process lives on as long as another one
 * does (memory_thread.h).
 */
bool memory_thread__first_has_ended(pid_t pid);

/* False once the process has exited: all of its threads have ended. */
bool target__is_alive(const struct target *target);

/* The mapping that holds @address, or NULL. */
const struct mapping *target__find_mapping(const struct target *target, uint64_t address);

/*
 * The value of @name in the environment the process started with, as proc_text__find_variable();
 * NULL if absent.
 */
char *target__environment(const struct target *target, const char *name);
