/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of the agent's own, beside the one that was started: forked, with a socket to its
 * parent, and none of the parent's other descriptors. It does not outlive the parent: the kernel
 * kills it when that ends, however it does, unless it has something to clean up; and it ends by
 * itself when the socket is closed. The signals that the parent is ended by are not for it.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/failure.h"

struct part {
	const char *name; /* "reader"; the process is "pyfrag-reader" */
	pid_t pid;
	int pid_fd; /* readable when it has ended */
	int fd;	    /* our end of its socket */
};

#define PART_UNSTARTED                                                                             \
	(struct part)                                                                              \
	{                                                                                          \
		.pid_fd = -1, .fd = -1                                                             \
	}

#define PART_FDS_MAX 4

struct part_options {
	const char *name;
	bool cleans_up;	 /* when the parent ends it is not killed, but ends by itself */
	int socket_type; /* SOCK_STREAM, SOCK_SEQPACKET */
	int stderr_fd;	 /* its standard error, and it has no standard output; -1: it has ours */
	int fds[PART_FDS_MAX]; /* descriptors that it keeps besides */
	int fd_cnt;
	/* What it does, with its end of the socket. What it returns is its exit status. */
	int (*run)(int fd, const void *context);
	const void *context;
};

/*
 * Starts it. To be called in the main thread, before there are others. Errors are described. The
 * caller releases, which closes what there is and so asks the part to end.
 */
int part__start(struct part *part, const struct part_options *options, struct failure *failure);
void part__release(struct part *part);

/* Closes our end of the socket. */
void part__hang_up(struct part *part);

/* Whether it has ended, or does within that time; *status as waitpid(2). */
bool part__has_ended(const struct part *part, int wait_ms, int *status);

#define PART_END_BYTES 64

/* How it has ended, in words: "was ended by signal 9 (Killed)", "has ended with status 1". */
void part__describe_end(int status, char text[PART_END_BYTES]);
