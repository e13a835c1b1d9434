/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory /proc/PID of a running process. Only this file knows where it is: all that pyfrag
 * reads there is opened here, by a name below that directory.
 *
 * Entries that need the memory of the process (maps, environ, exe, ...) are opened through a thread
 * that has it: their names come from memory_thread__entry().
 */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <sys/types.h>

/* Opens @name with O_CLOEXEC and @flags. Returns a descriptor, the caller's, or negative errno. */
int live_proc__open(pid_t pid, const char *name, int flags);

/* Opens the directory @name. NULL and errno on failure; the caller closes. */
DIR *live_proc__open_directory(pid_t pid, const char *name);

/* Where the link @name points. Returns 0 and *out, the caller's to free, or negative errno. */
int live_proc__read_link(pid_t pid, const char *name, char **out);

/* Whether there is a @name. */
bool live_proc__has(pid_t pid, const char *name);

/* The owner of the directory: the effective user of the process. Returns 0 or negative errno. */
int live_proc__user(pid_t pid, uid_t *out);
