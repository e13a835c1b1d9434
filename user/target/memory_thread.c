// SPDX-License-Identifier: BSD-2-Clause
#include "target/memory_thread.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "target/live_proc.h"
#include "util/cleanup.h"

/*
 * The first number of "statm" is the size of the memory in pages, or 0 if there is none
 * (proc_pid_statm(5)). Unlike process_vm_readv(2) and most files of /proc/PID, it takes no lock
 * that the process can hold: see the header.
 */
static bool has_memory(pid_t pid, pid_t thread)
{
	char name[64], digit = '0';
	_cleanup_close_ int fd = -1;

	snprintf(name, sizeof(name), "task/%d/statm", thread);
	fd = live_proc__open(pid, name, O_RDONLY);
	return fd >= 0 && read(fd, &digit, 1) == 1 && digit != '0';
}

pid_t memory_thread__of(pid_t pid)
{
	_cleanup_closedir_ DIR *directory = NULL;
	const struct dirent *entry;

	if (has_memory(pid, pid))
		return pid;
	directory = live_proc__open_directory(pid, "task");
	while (directory && (entry = readdir(directory))) {
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		if (thread > 0 && has_memory(pid, thread))
			return thread;
	}
	return pid;
}

bool memory_thread__belongs(pid_t pid, pid_t thread)
{
	char name[64];

	snprintf(name, sizeof(name), "task/%d", thread);
	return live_proc__has(pid, name);
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
