/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting a program in such a way that something can be done to it after its code is mapped and
 * before any of it runs. The program is our child and is held by ptrace(2) until then; scripts,
 * wrappers that exec, and libraries that are loaded late are followed through.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/failure.h"

struct launch {
	pid_t pid;
	bool seized;  /* ptrace(2) has it */
	bool held;    /* and it is stopped */
	bool exiting; /* and it is so at its exit */
	int signal;   /* that it was stopped for and has yet to get; 0: none */
};

/*
 * Starts argv[0], found through PATH, with argv as its arguments. It is held before its first
 * instruction. Errors: -ENOENT, -EACCES, ... as execve(2), each described.
 */
int launch__start(struct launch *out, char **argv, struct failure *failure);

/*
 * Lets the program run until @is_ready says so; asked after each exec and each time a file's code
 * was mapped. Returns 0 with the program held; -ECHILD if it has exited before; or what is_ready()
 * returns below 0.
 */
int launch__run_until(struct launch *launch, int (*is_ready)(pid_t pid, void *context),
		      void *context);

/*
 * Lets the program run. From now on it is stopped when it exits, with its memory still there, until
 * it is let go.
 */
int launch__resume(struct launch *launch);

/*
 * Stops the program where it is. Returns 0; 1 if it has come to its exit; or -ECHILD when it is
 * gone.
 */
int launch__hold(struct launch *launch);

/* Lets the program go for good, wherever it is. */
void launch__release(struct launch *launch);
