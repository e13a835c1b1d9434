// SPDX-License-Identifier: BSD-2-Clause
#include "agent/log_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define LINES_PER_SECOND_MAX 1000
/*
 * Limits one call of log_pipe__drain(), so that a process that writes without end cannot block us.
 */
#define READS_MAX 16

int log_pipe__init(struct log_pipe *pipe)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pipe->read_fd = fds[0];
	pipe->write_fd = fds[1];
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) ? -errno : 0;
}

void log_pipe__release(struct log_pipe *pipe)
{
	closep(&pipe->read_fd);
	closep(&pipe->write_fd);
	pipe->read_fd = pipe->write_fd = -1;
}

static bool is_permitted(struct log_pipe *pipe)
{
	uint64_t second = clock_ns(CLOCK_MONOTONIC) / 1000000000;

	if (second != pipe->second) {
		if (pipe->dropped_cnt)
			log_warning("log lines dropped: %u (too many in one second)",
				    pipe->dropped_cnt);
		pipe->second = second;
		pipe->cnt = pipe->dropped_cnt = 0;
	}
	if (pipe->cnt++ < LINES_PER_SECOND_MAX)
		return true;
	pipe->dropped_cnt++;
	return false;
}

static void pass_on(struct log_pipe *pipe)
{
	pipe->line[pipe->used] = '\0';
	if (pipe->used && is_permitted(pipe)) {
		log_progress_done();
		fprintf(stderr, "%s\n", text__make_printable(pipe->line));
	}
	pipe->used = 0;
}

static void take(struct log_pipe *pipe, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\n')
			pass_on(pipe);
		else if (pipe->used < sizeof(pipe->line) - 1)
			pipe->line[pipe->used++] = bytes[i] ? bytes[i] : '?';
	}
}

void log_pipe__drain(struct log_pipe *pipe)
{
	char bytes[4096];

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t got = read(pipe->read_fd, bytes, sizeof(bytes));

		if (got <= 0)
			return;
		take(pipe, bytes, (size_t)got);
	}
}
