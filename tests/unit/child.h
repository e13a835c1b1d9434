/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child process to look at from outside. It dies with the test, also with one that failed
 * half-way.
 */
#pragma once

#include <sys/types.h>

struct child {
	pid_t pid;
	int in, out; /* ends of pipes: what it reads as 0, and what it writes as 1 */
};

/* Forks; the child does what @run says and exits with what that returns. */
void child__fork(struct child *child, int (*run)(void *argument), void *argument);

/* Starts a program by its path. */
void child__exec(struct child *child, const char *path, char *const argv[], char *const envp[]);

/* Waits until the child has written a byte. */
void child__wait_until_ready(const struct child *child);

/* Waits for its end, which is up to it. Returns the wait status. */
int child__reap(struct child *child);

/* As above, of one that is killed. */
void child__kill(struct child *child);

/* The exit status of a child that only runs @run. */
int child__run(int (*run)(void *argument), void *argument);

/* In a child: from here on it is a user without rights. Returns 0, or -1 if it was none before. */
int child__drop_rights(void);
