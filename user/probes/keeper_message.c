// SPDX-License-Identifier: BSD-2-Clause
#include "probes/keeper_message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/cleanup.h"

/* Room for descriptors beside a message, aligned as it has to be. */
union control {
	char bytes[CMSG_SPACE(KEEPER_FDS_MAX * sizeof(int))];
	struct cmsghdr header;
};

static void add_fds(struct msghdr *message, union control *control, const int *fds, size_t fd_cnt)
{
	struct cmsghdr *header;

	if (!fd_cnt)
		return;
	message->msg_control = control->bytes;
	message->msg_controllen = CMSG_SPACE(fd_cnt * sizeof(int));
	header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(fd_cnt * sizeof(int));
	memcpy(CMSG_DATA(header), fds, fd_cnt * sizeof(int));
}

int keeper_message__send(int socket_fd, const void *bytes, size_t size, const int *fds,
			 size_t fd_cnt)
{
	const char *rest = bytes;

	if (fd_cnt > KEEPER_FDS_MAX)
		return -EINVAL;
	while (size) {
		struct iovec part = {.iov_base = (void *)(uintptr_t)rest, .iov_len = size};
		struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
		union control control = {};
		ssize_t sent;

		add_fds(&message, &control, fds, fd_cnt);
		sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == ECONNRESET ? -EPIPE : -errno;
		rest += sent;
		size -= (size_t)sent;
		fd_cnt = 0; /* they go with the first bytes */
	}
	return 0;
}

/* Puts the descriptors that came with a message into the free places of @fds. */
static void take_fds(struct msghdr *message, int *fds)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR(message, header)) {
		size_t cnt = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < cnt; i++) {
			size_t place = 0;
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			while (place < KEEPER_FDS_MAX && fds[place] >= 0)
				place++;
			if (place < KEEPER_FDS_MAX)
				fds[place] = fd;
			else
				close(fd);
		}
	}
}

static int receive(int socket_fd, char *rest, size_t size, int *fds)
{
	while (size) {
		struct iovec part = {.iov_base = rest, .iov_len = size};
		union control control;
		struct msghdr message = {.msg_iov = &part,
					 .msg_iovlen = 1,
					 .msg_control = control.bytes,
					 .msg_controllen = sizeof(control.bytes)};
		ssize_t received = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);

		if (received < 0 && errno == EINTR)
			continue;
		if (received < 0)
			return errno == ECONNRESET ? -EPIPE : -errno;
		if (!received)
			return -EPIPE;
		take_fds(&message, fds);
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
