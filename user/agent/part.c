// SPDX-License-Identifier: BSD-2-Clause
#include "agent/part.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"

void part__hang_up(struct part *part)
{
	closep(&part->fd);
	part->fd = -1;
}

void part__release(struct part *part)
{
	part__hang_up(part);
	closep(&part->pid_fd);
	part->pid_fd = -1;
}

static int compare_fds(const void *left, const void *right)
{
	return *(const int *)left - *(const int *)right;
}

static void close_between(int first, int last)
{
	if (first <= last)
		syscall(SYS_close_range, first, last, 0);
}

/* Closes all descriptors except the standard ones and @fds, which it sorts. */
static void close_others(int *fds, int cnt)
{
	int next = STDERR_FILENO + 1;

	qsort(fds, (size_t)cnt, sizeof(*fds), compare_fds);
	for (int i = 0; i < cnt; i++) {
		close_between(next, fds[i] - 1);
		next = fds[i] + 1;
	}
	syscall(SYS_close_range, next, ~0U, 0);
}

static int use_streams(int stderr_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), err;

	if (null < 0)
		return -errno;
	err = dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	      dup2(stderr_fd, STDERR_FILENO) < 0;
	if (null > STDERR_FILENO)
		close(null);
	return err ? -errno : 0;
}

/* Runs in the child and does not return. */
static void run(const struct part_options *options, int fd, pid_t parent)
{
	int fds[PART_FDS_MAX + 1] = {fd}, cnt = 1;
	char name[16];

	/* The kernel sends no signal for a parent that ended before this call. */
	if ((!options->cleans_up && prctl(PR_SET_PDEATHSIG, SIGKILL)) || getppid() != parent)
		_exit(1);
	snprintf(name, sizeof(name), "pyfrag-%s", options->name);
	prctl(PR_SET_NAME, name);
	for (int i = 0; i < options->fd_cnt; i++)
		fds[cnt++] = options->fds[i];
	if (options->stderr_fd >= 0 && use_streams(options->stderr_fd))
		_exit(1);
	close_others(fds, cnt);
	_exit(options->run(fd, options->context));
}

int part__start(struct part *part, const struct part_options *options, struct failure *failure)
{
	int fds[2], err;
	pid_t parent = getpid(), pid;

	if (socketpair(AF_UNIX, options->socket_type | SOCK_CLOEXEC, 0, fds))
		return failure__set(failure, -errno, "cannot create a socket: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (!pid)
		run(options, fds[1], parent);
	err = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (err) {
		close(fds[0]);
		return failure__set(failure, err, "cannot start pyfrag-%s: %s", options->name,
				    strerror(-err));
	}
	*part = (struct part){.name = options->name,
			      .pid = pid,
			      .pid_fd = (int)syscall(SYS_pidfd_open, pid, 0),
			      .fd = fds[0]};
	if (part->pid_fd < 0)
		return failure__set(failure, -errno, "cannot watch pyfrag-%s: %s", options->name,
				    strerror(errno));
	return 0;
}

bool part__has_ended(const struct part *part, int wait_ms, int *status)
{
	struct pollfd ended = {.fd = part->pid_fd, .events = POLLIN};

	*status = 0;
	return poll(&ended, 1, wait_ms) > 0 && waitpid(part->pid, status, WNOHANG) == part->pid;
}

void part__describe_end(int status, char text[PART_END_BYTES])
{
	if (WIFSIGNALED(status))
		snprintf(text, PART_END_BYTES, "was killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, PART_END_BYTES, "exited with status %d", WEXITSTATUS(status));
}
