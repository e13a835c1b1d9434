/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attempts to do what a process of the agent might be made to do. Each returns as a system call
 * does; what it changes, where it works, is as it was.
 */
#pragma once

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* What they are made on. */
extern struct scene {
	pid_t victim;		  /* a process of the test's own, */
	uint64_t address;	  /* and eight bytes of its memory that hold this address */
	char directory[256];	  /* to try things in, */
	char file[256], proc[64]; /* a file in there, and the victim's directory in /proc */
	char *arguments;	  /* where this process' arguments are */
} scene;

struct attempt {
	const char *name;
	long (*run)(void);
};

/* Each ends with an entry without a name. */
extern const struct attempt attempts_to_read[], attempts_on_processes[], attempts_on_files[],
	attempts_on_kernel[];

#define ATTEMPT(name)                                                                              \
	{                                                                                          \
#name, name                                                                        \
	}

static inline long try_open(const char *path, int flags)
{
	return open(path, flags | O_CLOEXEC, 0600);
}

/* A file of the victim's in /proc. */
static inline long try_open_proc(const char *name, int flags)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", scene.proc, name);
	return try_open(path, flags);
}
