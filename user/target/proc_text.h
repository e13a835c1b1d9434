/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the texts that /proc has about a process, up to a limit.
 *
 * How long they are is up to the process: its command line is wherever it says (prctl(2),
 * PR_SET_MM_MAP), gigabytes of it, and maps has a line for each of as many mappings as it likes. So
 * each text is read up to a length that the caller gives; a longer one is truncated and marked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define PROC_STATUS_BYTES_MAX (1UL << 20)

struct proc_text {
	char *bytes; /* NUL-terminated */
	size_t size; /* without the NUL */
	bool is_cut; /* there was more */
};

/*
 * Reads /proc/@pid/@name up to @bytes_max bytes. Returns 0 or negative errno; the caller releases
 * *out.
 */
int proc_text__read(struct proc_text *out, pid_t pid, const char *name, size_t bytes_max);
void proc_text__release(struct proc_text *text);

/*
 * As proc_text__read(), for "status" of a thread that has the memory of the process
 * (memory_thread.h). It lists all supplementary groups, of which there may be 65,536, before the
 * fields in use.
 */
int proc_text__read_status(struct proc_text *out, pid_t pid);

/*
 * Opens it to be read line by line; the caller limits how much. Returns NULL and sets errno on
 * failure; the caller closes.
 */
FILE *proc_text__open(pid_t pid, const char *name);

/*
 * The value of the variable @name in the environment with which process @pid was started. Returns 0
 * and *out, which the caller frees; -ENOENT: it has none, or one of more than 4095 bytes, or one
 * after 6 MiB of others (the kernel takes no more from execve(2)); or negative errno.
 */
int proc_text__find_variable(char **out, pid_t pid, const char *name);
