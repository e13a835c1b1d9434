// SPDX-License-Identifier: BSD-2-Clause
#include "target/live_threads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/live_proc.h"
#include "target/proc_fields.h"
#include "target/proc_text.h"
#include "util/cleanup.h"

/* Nine numbers of at most 18 digits. */
#define SYSCALL_BYTES_MAX 256
/* Up to the IDs in PID namespaces, unless there are hundreds of supplementary groups. */
#define STATUS_BYTES_MAX 4096

/*
 * The text is "NUMBER ARGUMENT... STACK_POINTER PROGRAM_COUNTER" for a thread that waits in a
 * system call, "-1 STACK_POINTER PROGRAM_COUNTER" for one that waits elsewhere, "running" for one
 * that runs.
 */
static bool find_stack_pointer(const char *text, uint64_t *out)
{
	const char *last = strrchr(text, ' '), *at = last;

	if (!last)
		return false;
	while (at > text && at[-1] != ' ')
		at--;
	*out = strtoull(at, NULL, 16);
	return true;
}

/* Reads what is known of the thread with an entry @id. What it does not say stays unknown. */
static struct target_thread read_thread(pid_t pid, const char *id)
{
	struct target_thread thread = {.id = (pid_t)strtol(id, NULL, 10)};
	_cleanup_(proc_text__release) struct proc_text text = {}, status = {};
	char name[64];
	int inner_id;

	thread.inner_id = thread.id;
	snprintf(name, sizeof(name), "task/%.32s/syscall", id);
	if (!proc_text__read(&text, pid, name, SYSCALL_BYTES_MAX))
		thread.has_stack_pointer = find_stack_pointer(text.bytes, &thread.stack_pointer);
	snprintf(name, sizeof(name), "task/%.32s/status", id);
	if (proc_text__read(&status, pid, name, STATUS_BYTES_MAX))
		return thread;
	proc_fields__name(status.bytes, thread.name, sizeof(thread.name));
	inner_id = proc_fields__inner_id(status.bytes);
	if (inner_id > 0)
		thread.inner_id = inner_id;
	return thread;
}

int live_threads__visit(pid_t pid, target_thread_fn *take, void *context)
{
	_cleanup_closedir_ DIR *directory = live_proc__open_directory(pid, "task");
	const struct dirent *entry;
	int err = 0;

	if (!directory)
		return -errno;
	while (!err && (entry = readdir(directory)))
		if (*entry->d_name != '.') {
			const struct target_thread thread = read_thread(pid, entry->d_name);

			err = take(&thread, context);
		}
	return err;
}
