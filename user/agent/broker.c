// SPDX-License-Identifier: BSD-2-Clause
#include "agent/broker.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/confinement.h"
#include "target/beneath_root.h"
#include "util/cleanup.h"
#include "util/log.h"

/* More at a time are refused: as many may hang as there are threads of the reader that wait. */
#define REQUESTS_MAX 32
#define STACK_BYTES  (64UL << 10)

/* A request: a path with its NUL, and with it two descriptors. */
enum {
	ROOT_FD,
	ANSWER_FD,
	FD_CNT,
};

struct request {
	int fds[FD_CNT];
	char path[PATH_MAX];
};

static int in_use = -1;
static atomic_int request_cnt;

/* @bytes with descriptors; returns negative errno, or 0. */
static int send_with_fds(int socket_fd, void *bytes, size_t size, const int *fds, size_t fd_cnt)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(FD_CNT * sizeof(int))];
	} control = {};
	struct iovec part = {.iov_base = bytes, .iov_len = size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd_cnt) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(fd_cnt * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(fd_cnt * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, fd_cnt * sizeof(int));
	}
	return sendmsg(socket_fd, &message, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -errno;
}

/*
 * Receives up to @size bytes, and *fd_cnt descriptors at most, which the caller owns. Returns how
 * many bytes; 0: the other side is gone; or negative errno.
 */
static ssize_t receive_with_fds(int socket_fd, void *bytes, size_t size, int *fds, size_t *fd_cnt)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(FD_CNT * sizeof(int))];
	} control = {};
	struct iovec part = {.iov_base = bytes, .iov_len = size};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = CMSG_SPACE(*fd_cnt * sizeof(int))};
	ssize_t got;

	do
		got = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	*fd_cnt = 0;
	if (got < 0)
		return -errno;
	if (message.msg_controllen >= sizeof(control.head) &&
	    control.head.cmsg_level == SOL_SOCKET && control.head.cmsg_type == SCM_RIGHTS) {
		*fd_cnt = (control.head.cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(&control.head), *fd_cnt * sizeof(int));
	}
	return got;
}

static void release_request(struct request *request)
{
	for (int i = 0; i < FD_CNT; i++)
		closep(&request->fds[i]);
	free(request);
}

static void *answer(void *context)
{
	struct request *request = context;
	int fd = beneath_root__open_path(request->fds[ROOT_FD], request->path);
	int result = fd < 0 ? fd : 0;

	send_with_fds(request->fds[ANSWER_FD], &result, sizeof(result), &fd, fd < 0 ? 0 : 1);
	closep(&fd);
	release_request(request);
	atomic_fetch_sub(&request_cnt, 1);
	return NULL;
}

/* The answer to what is no request is that its socket is closed. */
static void take(struct request *request, size_t size, size_t fd_cnt)
{
	pthread_attr_t attributes;
	pthread_t thread;

	if (fd_cnt != FD_CNT || !size || request->path[size - 1] ||
	    atomic_load(&request_cnt) == REQUESTS_MAX) {
		release_request(request);
		return;
	}
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	atomic_fetch_add(&request_cnt, 1);
	if (pthread_create(&thread, &attributes, answer, request)) {
		atomic_fetch_sub(&request_cnt, 1);
		release_request(request);
	}
	pthread_attr_destroy(&attributes);
}

int broker__run(int fd, const void *context)
{
	struct failure failure;

	(void)context;
	if (confinement__of_broker(&failure)) {
		log_error("%s", failure.text);
		return 1;
	}
	for (;;) {
		struct request *request = malloc(sizeof(*request));
		size_t fd_cnt = FD_CNT;
		ssize_t got;

		if (!request)
			return 1;
		*request = (struct request){.fds = {-1, -1}};
		got = receive_with_fds(fd, request->path, sizeof(request->path), request->fds,
				       &fd_cnt);
		if (got <= 0) {
			release_request(request);
			return got < 0;
		}
		take(request, (size_t)got, fd_cnt);
	}
}

/* In place of beneath_root__open_path(). */
static int ask(int root_fd, const char *path)
{
	_cleanup_close_ int ours = -1, theirs = -1, found = -1;
	size_t fd_cnt = 1, size = strlen(path) + 1;
	int sockets[2], result, err;
	ssize_t got;

	if (size > PATH_MAX)
		return -ENAMETOOLONG;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	ours = sockets[0];
	theirs = sockets[1];
	err = send_with_fds(in_use, (char *)path, size, (int[]){root_fd, theirs}, FD_CNT);
	if (err)
		return err;
	close(TAKE_FD(theirs));
	got = receive_with_fds(ours, &result, sizeof(result), &found, &fd_cnt);
	if (got != (ssize_t)sizeof(result))
		return got < 0 ? (int)got : -EBUSY;
	return result < 0 ? result : TAKE_FD(found);
}

void broker__use(int fd)
{
	in_use = fd;
	beneath_root__open_by(ask);
}
