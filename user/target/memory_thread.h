/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds a thread through which the memory of a process can be reached.
 *
 * The kernel looks up the memory of a process by the id of one of its threads; the pid is the id of
 * the first one. A first thread that ends before the others (pthread_exit() in main(), or the exit
 * system call) drops its reference to the memory and remains as a zombie: /proc/PID/maps is empty
 * and process_vm_readv(2) fails with ESRCH, although the process goes on. The ids of its other
 * threads still lead to the memory, which all of them share (clone(2), CLONE_THREAD).
 *
 * While the process exists, its pid is not given to another one. That does not hold for the id of a
 * thread that has ended. So the path of a thread's file goes through the directory of its process
 * (/proc/PID/task/TID), where the kernel finds only threads of that process; and code that has used
 * a bare id checks afterwards whether it still belongs to a thread of the process.
 *
 * Finding the thread never waits for the process. A process that executes a program closes files,
 * and holds a lock meanwhile (exec_update_lock, fs/exec.c): if the server of such a file does not
 * answer (FUSE), the process holds the lock indefinitely. Reading its memory waits for that lock,
 * and so does, depending on the kernel, reading stat, maps, exe or the links in ns.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/*
 * The id of a thread of process @pid that has the memory: @pid if its first thread has it. Also
 * @pid if no thread has it: the process has exited, or is a kernel thread.
 */
pid_t memory_thread__of(pid_t pid);

/* Threads may end faster than they are found: callers try this many. */
#define MEMORY_THREADS_TRIED_MAX 64

/* Whether @thread is currently a thread of process @pid. */
bool memory_thread__belongs(pid_t pid, pid_t thread);

struct memory_entry {
	char name[64]; /* below /proc/PID */
};

/*
 * The path of the entry @name of process @pid, for entries that concern its memory, its files, its
 * namespaces or its control groups (maps, smaps, pagemap, environ, cmdline, exe, root, ns/pid,
 * cgroup): "maps", or "task/123/maps".
 */
struct memory_entry memory_thread__entry(pid_t pid, const char *name);
