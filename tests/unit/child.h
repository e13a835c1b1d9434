/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child process that tests examine from outside. It ends with the test, even with one that fails
 * half-way.
 */
#pragma once

#include <sys/types.h>

struct child {
	pid_t pid;
	int in, out; /* pipe ends: to the child's fd 0, and from its fd 1 */
};

/* Forks; the child calls @run and exits with its result. */
void child__fork(struct child *child, int (*run)(void *argument), void *argument);

/* Starts a program by its path. */
void child__exec(struct child *child, const char *path, char *const argv[], char *const envp[]);

/* Waits until the child has written a byte. */
void child__wait_until_ready(const struct child *child);

/* Waits until the child exits by itself. Returns the wait status. */
int child__reap(struct child *child);

/* Kills the child and waits for it. */
void child__kill(struct child *child);

/* Skips the test unless it runs as root. @purpose: what takes root, for the message. */
void child__skip_unless_root(const char *purpose);

/* The exit status of a child that only calls @run. */
int child__run(int (*run)(void *argument), void *argument);

/* In a child: drops all privileges. Returns 0, or -1 if there were none. */
int child__drop_rights(void);
