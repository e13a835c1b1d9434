// SPDX-License-Identifier: BSD-2-Clause
#include "target/memory_thread.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/cleanup.h"

/*
 * Nothing can be mapped at address 0, as a rule: where there is memory, the answer is EFAULT, or
 * EPERM. Without, it is ESRCH (mm/process_vm_access.c, process_vm_rw_core()).
 */
static bool has_memory(pid_t thread)
{
	char byte;
	struct iovec local = {.iov_base = &byte, .iov_len = 1}, remote = {.iov_len = 1};

	return process_vm_readv(thread, &local, 1, &remote, 1, 0) >= 0 || errno != ESRCH;
}

pid_t memory_thread__of(pid_t pid)
{
	_cleanup_closedir_ DIR *directory = NULL;
	const struct dirent *entry;
	char path[32];

	if (has_memory(pid))
		return pid;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	directory = opendir(path);
	while (directory && (entry = readdir(directory))) {
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		if (thread > 0 && has_memory(thread) && memory_thread__belongs(pid, thread))
			return thread;
	}
	return pid;
}

bool memory_thread__belongs(pid_t pid, pid_t thread)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, thread);
	return !access(path, F_OK);
}

struct memory_entry memory_thread__entry(pid_t pid, const char *name)
{
	pid_t thread = memory_thread__of(pid);
	struct memory_entry entry;

	if (thread == pid)
		snprintf(entry.name, sizeof(entry.name), "%s", name);
	else
		snprintf(entry.name, sizeof(entry.name), "task/%d/%s", thread, name);
	return entry;
}
