/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts a program in such a way that something can be done to it after its code is mapped and
 * before any of it runs. The program is our child, and ptrace(2) holds it until then. Scripts,
 * wrappers that exec, and libraries that are loaded late are followed.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/failure.h"

struct launch {
	pid_t pid;
	bool seized;  /* traced by ptrace(2) */
	bool held;    /* stopped */
	bool exiting; /* stopped at its exit */
	int signal;   /* not delivered yet; 0: none */
};

/*
 * Starts argv[0], found through PATH, with argv as its arguments, and holds it before its first
 * instruction. Errors: -ENOENT, -EACCES, ... as execve(2), each described in @failure.
 */
int launch__start(struct launch *out, char **argv, struct failure *failure);

/*
 * Lets the program run until @is_ready() returns a positive number. It is called first, after each
 * exec, and each time a file's code was mapped. Returns 0 with the program held; -ECHILD if it has
 * exited before; or what is_ready() returns below 0.
 */
int launch__run_until(struct launch *launch, int (*is_ready)(pid_t pid, void *context),
		      void *context);

/*
 * Lets the program run. From now on it is stopped when it exits, with its memory still intact,
 * until it is released.
 */
int launch__resume(struct launch *launch);

/*
 * Stops the program wherever it is. Returns 0; 1 if it has reached its exit; or -ECHILD if it is
 * gone.
 */
int launch__hold(struct launch *launch);

/* Detaches from the program for good, wherever it is. */
void launch__release(struct launch *launch);
