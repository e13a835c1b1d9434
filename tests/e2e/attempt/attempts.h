/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations that a compromised process of the agent might try. Each function returns what its
 * system call returns. An operation that succeeds leaves everything as it was.
 */
#pragma once

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* The objects that the attempts act on. */
extern struct scene {
	pid_t victim;		  /* a process of the test's own */
	uint64_t address;	  /* eight bytes of its memory, which contain this address */
	char directory[256];	  /* a scratch directory */
	char file[256], proc[64]; /* a file in there; the victim's /proc directory */
	char *arguments;	  /* where this process' arguments are stored */
} scene;

struct attempt {
	const char *name;
	long (*run)(void);
};

/* Each array ends with an entry without a name. */
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

/* Opens a file in the victim's /proc directory. */
static inline long try_open_proc(const char *name, int flags)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", scene.proc, name);
	return try_open(path, flags);
}
