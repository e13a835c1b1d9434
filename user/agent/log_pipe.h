/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pipe that serves as the standard error of less trusted processes. The agent's own standard
 * error may be a terminal or a file, with which they could do more than append a line. Lines from
 * the pipe are made printable, shortened, limited per second, and written to the agent's standard
 * error.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_BYTES 2048

struct log_pipe {
	int read_fd, write_fd;
	char line[LOG_LINE_BYTES];
	size_t used;
	uint64_t second;	       /* CLOCK_MONOTONIC */
	unsigned int cnt, dropped_cnt; /* in that second */
};

#define LOG_PIPE_NONE                                                                              \
	(struct log_pipe)                                                                          \
	{                                                                                          \
		.read_fd = -1, .write_fd = -1                                                      \
	}

/* Returns 0 or negative errno. The caller releases the pipe. */
int log_pipe__init(struct log_pipe *pipe);
void log_pipe__release(struct log_pipe *pipe);

/* Passes on the lines that have arrived; does not wait. */
void log_pipe__drain(struct log_pipe *pipe);
