/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child process of the agent, forked with a socket to its parent and none of the parent's other
 * descriptors. It does not outlive the parent: the kernel kills it when the parent ends for
 * whatever reason, unless it has something to clean up. It also ends when the socket is closed. It
 * does not handle the signals that end the parent.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/failure.h"

struct part {
	const char *name; /* "reader"; the process is "pyfrag-reader" */
	pid_t pid;
	int pid_fd; /* readable when the process has ended */
	int fd;	    /* the parent's end of the socket */
};

#define PART_UNSTARTED                                                                             \
	(struct part)                                                                              \
	{                                                                                          \
		.pid_fd = -1, .fd = -1                                                             \
	}

#define PART_FDS_MAX 4

struct part_options {
	const char *name;
	bool cleans_up;	       /* it ends by itself when the parent ends, and is not killed */
	int socket_type;       /* SOCK_STREAM, SOCK_SEQPACKET */
	int stderr_fd;	       /* standard error, without standard output; -1: inherits both */
	int fds[PART_FDS_MAX]; /* further descriptors that it inherits */
	int fd_cnt;
	/*
	 * The work of the process. @fd is its end of the socket; the return value is its exit
	 * status.
	 */
	int (*run)(int fd, const void *context);
	const void *context;
};

/*
 * Starts a child process. Call it in the main thread, before other threads exist. Errors are
 * described. The caller releases @part, which closes the descriptors and thereby asks the process
 * to end.
 */
int part__start(struct part *part, const struct part_options *options, struct failure *failure);
void part__release(struct part *part);

/* Closes the parent's end of the socket. */
void part__hang_up(struct part *part);

/* Whether the process has ended, or ends within @wait_ms. Sets *status as waitpid(2) does. */
bool part__has_ended(const struct part *part, int wait_ms, int *status);

#define PART_END_BYTES 64

/* Describes how it has ended: "was killed by signal 9 (Killed)", "exited with status 1". */
void part__describe_end(int status, char text[PART_END_BYTES]);
