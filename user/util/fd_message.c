// SPDX-License-Identifier: BSD-2-Clause
#include "util/fd_message.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Buffer for descriptors, with the alignment of struct cmsghdr. */
union control {
	char bytes[CMSG_SPACE(FD_MESSAGE_FDS_MAX * sizeof(int))];
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

ssize_t fd_message__send(int socket_fd, const void *bytes, size_t size, const int *fds,
			 size_t fd_cnt)
{
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union control control = {};
	ssize_t sent;

	if (fd_cnt > FD_MESSAGE_FDS_MAX)
		return -EINVAL;
	add_fds(&message, &control, fds, fd_cnt);
	do
		sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent >= 0 ? sent : errno == ECONNRESET ? -EPIPE : -errno;
}

/* Stores @fd in the first free element. */
static void take_fd(int *fds, int fd)
{
	size_t place = 0;

	while (place < FD_MESSAGE_FDS_MAX && fds[place] >= 0)
		place++;
	if (place < FD_MESSAGE_FDS_MAX)
		fds[place] = fd;
	else
		close(fd);
}

static void take_fds(struct msghdr *message, int *fds)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR(message, header)) {
		size_t cnt = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < cnt; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			take_fd(fds, fd);
		}
	}
}

ssize_t fd_message__receive(int socket_fd, void *bytes, size_t size, int *fds)
{
	struct iovec part = {.iov_base = bytes, .iov_len = size};
	union control control;
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	ssize_t received;

	do
		received = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
	while (received < 0 && errno == EINTR);
	if (received < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	take_fds(&message, fds);
	return received;
}
