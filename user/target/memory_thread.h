/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread through which the memory of a process can be reached.
 *
 * The kernel finds the memory of a process by the id of one of its threads, and the pid is the id
 * of the first one. A first thread that ends before the others (pthread_exit() in main(), or the
 * exit system call) gives up its share of the memory and stays as a zombie: /proc/PID/maps is
 * empty and process_vm_readv(2) fails with ESRCH, although the process goes on. The ids of its
 * other threads still lead to the memory. All of them share it (clone(2), CLONE_THREAD).
 *
 * While the process exists its pid is given to nobody else. That does not hold for the id of a
 * thread that has ended. So the path of a thread's file goes through the directory of its process
 * (/proc/PID/task/TID), where the kernel finds threads of that process only; and who has used a
 * bare id checks afterwards whether it still is a thread of the process.
 *
 * Finding the thread never waits for the process. A process that executes a program closes files on
 * the way, and holds a lock meanwhile (exec_update_lock, fs/exec.c): if a file's server does not
 * answer (FUSE), it holds it as long as it likes. Whoever reads its memory waits for that lock, and
 * so does, depending on the kernel, whoever reads stat, maps, exe or the links in ns.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/*
 * The id of a thread of process @pid that has the memory: @pid, if its first thread has. Also
 * @pid if no thread has: the process has exited, or is a kernel thread.
 */
pid_t memory_thread__of(pid_t pid);

/* Threads may end faster than they are found: who uses one tries so many. */
#define MEMORY_THREADS_TRIED_MAX 64

/* Whether @thread is a thread of process @pid now. */
bool memory_thread__belongs(pid_t pid, pid_t thread);

struct memory_entry {
	char name[64]; /* below /proc/PID */
};

/*
 * Where the entry @name of process @pid is, for those that tell of its memory, its files, its
 * namespaces or its control groups (maps, smaps, pagemap, environ, cmdline, exe, root, ns/pid,
 * cgroup): "maps", or "task/123/maps".
 */
struct memory_entry memory_thread__entry(pid_t pid, const char *name);
