// SPDX-License-Identifier: BSD-2-Clause
#include "probes/keeper_message.h"

#include <errno.h>

#include "util/cleanup.h"

int keeper_message__send(int socket_fd, const void *bytes, size_t size, const int *fds,
			 size_t fd_cnt)
{
	const char *rest = bytes;

	while (size) {
		ssize_t sent = fd_message__send(socket_fd, rest, size, fds, fd_cnt);

		if (sent < 0)
			return (int)sent;
		rest += sent;
		size -= (size_t)sent;
		fd_cnt = 0; /* sent with the first bytes */
	}
	return 0;
}

static int receive(int socket_fd, char *rest, size_t size, int *fds)
{
	while (size) {
		ssize_t received = fd_message__receive(socket_fd, rest, size, fds);

		if (received <= 0)
			return received ? (int)received : -EPIPE;
		rest += received;
		size -= (size_t)received;
	}
	return 0;
}

int keeper_message__receive(int socket_fd, void *bytes, size_t size, int *fds)
{
	int err;

	for (size_t i = 0; i < KEEPER_FDS_MAX; i++)
		fds[i] = -1;
	err = receive(socket_fd, bytes, size, fds);
	for (size_t i = 0; i < KEEPER_FDS_MAX && err; i++)
		closep(&fds[i]);
	return err;
}
