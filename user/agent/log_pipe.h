/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The standard error of processes that are not trusted with ours, which may be a terminal or a file
 * that they could do more with than add a line. Lines that arrive are passed on, made printable,
 * shortened, and so many a second.
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
	unsigned int cnt, dropped_cnt; /* lines in that second */
};

#define LOG_PIPE_NONE                                                                              \
	(struct log_pipe)                                                                          \
	{                                                                                          \
		.read_fd = -1, .write_fd = -1                                                      \
	}

/* Returns 0 or negative errno; the caller releases. */
int log_pipe__init(struct log_pipe *pipe);
void log_pipe__release(struct log_pipe *pipe);

/* Passes on what is there, without waiting. */
void log_pipe__drain(struct log_pipe *pipe);
