/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory /proc/PID of a running process. Only this file knows where it is: everything that
 * pyfrag reads there is opened here, by a name below that directory.
 *
 * Entries that need the memory of the process (maps, environ, exe, ...) are opened through a thread
 * that still has it: memory_thread__entry() returns their names.
 */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * Opens @name with O_CLOEXEC and @flags. Returns a descriptor, which the caller closes, or negative
 * errno.
 */
int live_proc__open(pid_t pid, const char *name, int flags);

/* Opens the directory @name. Returns NULL and sets errno on failure; the caller closes. */
DIR *live_proc__open_directory(pid_t pid, const char *name);

/* Reads the link @name. Returns 0 and *out, which the caller frees, or negative errno. */
int live_proc__read_link(pid_t pid, const char *name, char **out);

/* Whether an entry @name exists. */
bool live_proc__has(pid_t pid, const char *name);

/* The owner of the directory: the effective user of the process. Returns 0 or negative errno. */
int live_proc__user(pid_t pid, uid_t *out);
