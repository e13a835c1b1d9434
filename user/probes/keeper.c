// SPDX-License-Identifier: BSD-2-Clause
#include "probes/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probes/features.h"
#include "probes/keeper_message.h"
#include "probes/keeper_process.h"
#include "util/cleanup.h"

struct keeper {
	int socket_fd;
};

/* The socket to the process from which keepers are forked; there is one such process. */
static int start_fd = -1;

int keeper__start(keeper_confine_fn *confine, struct failure *failure)
{
	int sockets[2] = {-1, -1};
	struct features features;
	bool opens_events;
	pid_t pid = -1;

	if (start_fd >= 0)
		return 0;
	opens_events = !features__detect(&features) && !features.uprobe_multi;
	if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		pid = fork();
	if (!pid)
		keeper_process__run(sockets[1], opens_events, confine);
	if (pid < 0) {
		int err = -errno;

		closep(&sockets[0]);
		closep(&sockets[1]);
		return failure__set(failure, err,
				    "cannot start pyfrag-keeper, which manages the probes: %s",
				    strerror(-err));
	}
	close(sockets[1]);
	start_fd = sockets[0];
	return 0;
}

static int receive_answer(const struct keeper *keeper)
{
	int fds[KEEPER_FDS_MAX], answer;
	int err = keeper_message__receive(keeper->socket_fd, &answer, sizeof(answer), fds);

	return err ? err : answer;
}

static int ask(const struct keeper *keeper, const struct keeper_request *request, const int *fds,
	       size_t fd_cnt)
{
	int err = keeper_message__send(keeper->socket_fd, request, sizeof(*request), fds, fd_cnt);

	return err ? err : receive_answer(keeper);
}

int keeper__open(struct keeper **out)
{
	const struct keeper_request request = {.verb = KEEPER_OPEN};
	_cleanup_(keeper__closep) struct keeper *keeper = malloc(sizeof(*keeper));
	_cleanup_close_ int other_fd = -1;
	int sockets[2], err;

	if (!keeper)
		return -ENOMEM;
	keeper->socket_fd = -1;
	if (start_fd < 0)
		return -ENOTCONN;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	keeper->socket_fd = sockets[0];
	other_fd = sockets[1];
	/* So few bytes are sent in one piece, even if several threads send at the same time. */
	err = keeper_message__send(start_fd, &request, sizeof(request), &other_fd, 1);
	if (err)
		return err;
	*out = TAKE_PTR(keeper);
	return 0;
}

void keeper__close(struct keeper *keeper)
{
	if (!keeper)
		return;
	if (keeper->socket_fd >= 0) {
		/* The keeper sends nothing more. It closes its end when everything is detached. */
		shutdown(keeper->socket_fd, SHUT_WR);
		receive_answer(keeper);
		close(keeper->socket_fd);
	}
	free(keeper);
}

void keeper__closep(struct keeper **keeper)
{
	keeper__close(*keeper);
}

int keeper__attach(struct keeper *keeper, const struct keeper_link *link)
{
	const struct keeper_request request = {.verb = KEEPER_ATTACH,
					       .pid = link->pid,
					       .site_cnt = (uint32_t)link->cnt};
	const int fds[] = {link->prog_fd, link->file_fd};
	size_t size = link->cnt * sizeof(*link->offsets);
	int err;

	if (!link->cnt || link->cnt > KEEPER_SITES_MAX)
		return -EINVAL;
	err = keeper_message__send(keeper->socket_fd, &request, sizeof(request), fds,
				   ARRAY_SIZE(fds));
	if (!err)
		err = keeper_message__send(keeper->socket_fd, link->offsets, size, NULL, 0);
	if (!err)
		err = keeper_message__send(keeper->socket_fd, link->cookies, size, NULL, 0);
	return err ? err : receive_answer(keeper);
}

int keeper__open_event(struct keeper *keeper, const struct uprobe_event *event, int prog_fd,
		       int file_fd)
{
	const struct keeper_request request = {.verb = KEEPER_OPEN_EVENT, .event = *event};
	const int fds[] = {prog_fd, file_fd};

	return ask(keeper, &request, fds, file_fd < 0 ? 1 : 2);
}

int keeper__remove_group(struct keeper *keeper, const struct uprobe_group *group)
{
	const struct keeper_request request = {.verb = KEEPER_REMOVE_GROUP, .group = *group};
	_cleanup_close_ int fd = uprobe_group__open();

	return fd < 0 ? fd : ask(keeper, &request, &fd, 1);
}

int keeper__release(struct keeper *keeper, int number)
{
	const struct keeper_request request = {.verb = KEEPER_RELEASE, .number = number};

	return ask(keeper, &request, NULL, 0);
}

int keeper__fd(const struct keeper *keeper)
{
	return keeper->socket_fd;
}
