/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The texts that /proc has of a process, as far as they are of use.
 *
 * How long they are is up to the process: its command line is wherever it says (prctl(2),
 * PR_SET_MM_MAP), gigabytes of it, and its map has a line for each of as many mappings as it likes.
 * So each is read up to a length that the caller names, and what is longer is cut off there and
 * says so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define PROC_STATUS_BYTES_MAX (1UL << 20)

struct proc_text {
	char *bytes; /* NUL-terminated */
	size_t size; /* without that NUL */
	bool is_cut; /* there was more */
};

/*
 * Reads /proc/@pid/@name up to @bytes_max bytes. Returns 0 or negative errno; the caller releases.
 */
int proc_text__read(struct proc_text *out, pid_t pid, const char *name, size_t bytes_max);
void proc_text__release(struct proc_text *text);

/*
 * The same of "status", of a thread that has the process' memory (memory_thread.h). It names all
 * supplementary groups, of which there may be 65,536, before what is of interest.
 */
int proc_text__read_status(struct proc_text *out, pid_t pid);

/* Opens it to be read line by line, by who bounds that. The caller closes; NULL and errno. */
FILE *proc_text__open(pid_t pid, const char *name);

/*
 * The value of the variable @name in the environment that process @pid has started with. Returns 0
 * and *out, the caller's to free; -ENOENT: it has none, or one of more than 4095 bytes, or behind 6
 * MiB of others (the kernel takes no more from execve(2)); or negative errno.
 */
int proc_text__find_variable(char **out, pid_t pid, const char *name);
