// SPDX-License-Identifier: BSD-2-Clause
#include "probes/keeper_process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "probes/bpf_compat.h"
#include "probes/keeper_message.h"
#include "util/array.h"
#include "util/capabilities.h"
#include "util/cleanup.h"

#define SOCKET_FD 3

/* What is held, by number (-1: released), and the groups to be removed at the end. */
struct holdings {
	int *fds;
	size_t cnt, capacity;
	struct uprobe_group *groups;
	size_t group_cnt, group_capacity;
	int definitions_fd;
};

/* Returns a number for @fd, which the holdings now own, or negative errno. */
static int add(struct holdings *holdings, int fd)
{
	size_t number = 0;

	while (number < holdings->cnt && holdings->fds[number] >= 0)
		number++;
	if (number == holdings->cnt) {
		if (ARRAY_RESERVE(holdings->fds, holdings->capacity, number + 1)) {
			close(fd);
			return -ENOMEM;
		}
		holdings->cnt++;
	}
	holdings->fds[number] = fd;
	return (int)number;
}

static int release(struct holdings *holdings, int number)
{
	if (number < 0 || (size_t)number >= holdings->cnt || holdings->fds[number] < 0)
		return -EBADF;
	close(TAKE_FD(holdings->fds[number]));
	return 0;
}

static int add_group(struct holdings *holdings, const struct uprobe_group *group, int fd)
{
	if (fd < 0)
		return -EBADF;
	if (ARRAY_RESERVE(holdings->groups, holdings->group_capacity, holdings->group_cnt + 1)) {
		close(fd);
		return -ENOMEM;
	}
	holdings->groups[holdings->group_cnt++] = *group;
	closep(&holdings->definitions_fd);
	holdings->definitions_fd = fd;
	return 0;
}

static void release_all(struct holdings *holdings)
{
	for (size_t i = 0; i < holdings->cnt; i++)
		closep(&holdings->fds[i]);
	for (size_t i = 0; i < holdings->group_cnt; i++)
		uprobe_group__remove(&holdings->groups[i], holdings->definitions_fd);
	closep(&holdings->definitions_fd);
	free(holdings->fds);
	free(holdings->groups);
}

/* Receives and discards @size bytes. Returns as keeper_message__receive(). */
static int discard(int socket_fd, size_t size)
{
	int none[KEEPER_FDS_MAX], err = 0;
	char bytes[4096];

	while (size && !err) {
		size_t piece = size < sizeof(bytes) ? size : sizeof(bytes);

		err = keeper_message__receive(socket_fd, bytes, piece, none);
		size -= piece;
	}
	return err;
}

/*
 * Reads the offsets and cookies that follow the request. Returns 0, or negative errno if the socket
 * cannot be used any more. If the keeper cannot store them, it discards them, so that the next
 * request can be read; *out stays NULL then, and *answer says why.
 */
static int read_sites(int socket_fd, const struct keeper_request *request, uint64_t **out,
		      int *answer)
{
	size_t size = (size_t)request->site_cnt * 2 * sizeof(**out);
	bool is_valid = request->site_cnt && request->site_cnt <= KEEPER_SITES_MAX;
	_cleanup_free_ uint64_t *sites = NULL;
	int none[KEEPER_FDS_MAX], err;

	if (is_valid)
		sites = malloc(size);
	if (!sites) {
		*answer = is_valid ? -ENOMEM : -EINVAL;
		return discard(socket_fd, size);
	}
	err = keeper_message__receive(socket_fd, sites, size, none);
	if (err)
		return err;
	*out = TAKE_PTR(sites);
	return 0;
}

/* Returns the answer. */
static int attach(struct holdings *holdings, const struct keeper_request *request, const int *fds,
		  const uint64_t *sites)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[1]);
	fd = bpf_compat__link_uprobe_multi(fds[0], path, sites, sites + request->site_cnt,
					   request->site_cnt, request->pid);
	return fd < 0 ? fd : add(holdings, fd);
}

/* Returns the answer. */
static int open_event(struct holdings *holdings, const struct uprobe_event *event, const int *fds)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[1]);
	fd = uprobe_event__open(event, fds[1] < 0 ? NULL : path, fds[0]);
	return fd < 0 ? fd : add(holdings, fd);
}

/* Serves one request. Returns 0, or negative errno if no more can be served. */
static int serve(struct holdings *holdings, int socket_fd)
{
	_cleanup_free_ uint64_t *sites = NULL;
	struct keeper_request request;
	int fds[KEEPER_FDS_MAX], answer, err;

	err = keeper_message__receive(socket_fd, &request, sizeof(request), fds);
	if (err)
		return err;
	switch (request.verb) {
	case KEEPER_ATTACH:
		err = read_sites(socket_fd, &request, &sites, &answer);
		if (sites)
			answer = attach(holdings, &request, fds, sites);
		break;
	case KEEPER_OPEN_EVENT:
		answer = open_event(holdings, &request.event, fds);
		break;
	case KEEPER_REMOVE_GROUP:
		answer = add_group(holdings, &request.group, TAKE_FD(fds[0]));
		break;
	case KEEPER_RELEASE:
		answer = release(holdings, request.number);
		break;
	default:
		err = -EPROTO;
	}
	for (size_t i = 0; i < KEEPER_FDS_MAX; i++)
		closep(&fds[i]);
	return err ? err : keeper_message__send(socket_fd, &answer, sizeof(answer), NULL, 0);
}

/* Serves requests until the socket is closed or fails. */
_Noreturn static void keep(int socket_fd)
{
	struct holdings holdings = {.definitions_fd = -1};

	while (!serve(&holdings, socket_fd))
		;
	/* pyfrag waits for the socket to be closed, and so for this. */
	release_all(&holdings);
	_exit(0);
}

static void serve_open(int socket_fd)
{
	struct keeper_request request;
	int fds[KEEPER_FDS_MAX];
	pid_t pid;

	if (keeper_message__receive(socket_fd, &request, sizeof(request), fds))
		_exit(0);
	pid = request.verb == KEEPER_OPEN && fds[0] >= 0 ? fork() : -1;
	if (!pid) {
		close(socket_fd);
		keep(fds[0]);
	}
	for (size_t i = 0; i < KEEPER_FDS_MAX; i++)
		closep(&fds[i]);
}

/* Closes inherited descriptors: somebody may wait for the end of a pipe that pyfrag writes to. */
static int close_descriptors(int socket_fd)
{
	int null_fd = open("/dev/null", O_RDWR);

	if (dup2(socket_fd, SOCKET_FD) < 0)
		return -errno;
	for (int fd = 0; fd < SOCKET_FD; fd++)
		if (null_fd < 0 || dup2(null_fd, fd) < 0)
			close(fd);
	return close_range(SOCKET_FD + 1, ~0U, 0) ? -errno : 0;
}

/*
 * Ctrl-C goes to all processes in the foreground of a terminal, and stopping a service ends all
 * processes that belong to it.
 */
static void ignore_signals(void)
{
	sigset_t all;

	setsid();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGCHLD, SIG_IGN); /* children need not be waited for */
}

static int give_up_capabilities(bool opens_events)
{
	static const unsigned int kept[] = {CAP_PERFMON, CAP_SYS_ADMIN};
	struct failure failure;
	int err;

	if (!opens_events)
		return capabilities__keep(NULL, 0, &failure);
	err = capabilities__keep(kept, ARRAY_SIZE(kept), &failure);
	if (!err)
		err = capabilities__use(kept, 1, &failure);
	if (err)
		return err;
	/* The second one is kept only if the first one is not sufficient. */
	if (uprobe_event__try() == -EACCES)
		return capabilities__use(kept, ARRAY_SIZE(kept), &failure);
	return capabilities__keep(kept, 1, &failure);
}

_Noreturn void keeper_process__run(int socket_fd, bool opens_events, keeper_confine_fn *confine)
{
	prctl(PR_SET_NAME, "pyfrag-keeper");
	ignore_signals();
	if (close_descriptors(socket_fd) || give_up_capabilities(opens_events) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || (confine && confine(opens_events)))
		_exit(1);
	for (;;)
		serve_open(SOCKET_FD);
}
