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
#include "util/fd_message.h"
#include "util/log.h"

/* Further requests are refused. The reader has no more threads than that to wait for answers. */
#define REQUESTS_MAX 32
#define STACK_BYTES  (64UL << 10)

/* A request is a path with its NUL, and two descriptors. */
enum {
	ROOT_FD,
	ANSWER_FD,
	FD_CNT,
};
_Static_assert(FD_CNT == FD_MESSAGE_FDS_MAX, "all that is received has a place");

struct request {
	int fds[FD_CNT];
	char path[PATH_MAX];
};

static int in_use = -1;
static atomic_int request_cnt;

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

	fd_message__send(request->fds[ANSWER_FD], &result, sizeof(result), &fd, fd < 0 ? 0 : 1);
	closep(&fd);
	release_request(request);
	atomic_fetch_sub(&request_cnt, 1);
	return NULL;
}

/* A malformed request is answered by closing its socket. */
static void take(struct request *request, size_t size)
{
	pthread_attr_t attributes;
	pthread_t thread;

	if (request->fds[FD_CNT - 1] < 0 || !size || request->path[size - 1] ||
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
		ssize_t got;

		if (!request)
			return 1;
		*request = (struct request){.fds = {-1, -1}};
		got = fd_message__receive(fd, request->path, sizeof(request->path), request->fds);
		if (got <= 0) {
			release_request(request);
			return got < 0;
		}
		take(request, (size_t)got);
	}
}

/* Replaces beneath_root__open_path() in the broker's clients. */
static int ask(int root_fd, const char *path)
{
	_cleanup_close_ int ours = -1, theirs = -1, found = -1;
	int sockets[2], fds[FD_MESSAGE_FDS_MAX] = {-1, -1}, result;
	size_t size = strlen(path) + 1;
	ssize_t got;

	if (size > PATH_MAX)
		return -ENAMETOOLONG;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	ours = sockets[0];
	theirs = sockets[1];
	got = fd_message__send(in_use, path, size, (int[]){root_fd, theirs}, FD_CNT);
	if (got < 0)
		return (int)got;
	close(TAKE_FD(theirs));
	got = fd_message__receive(ours, &result, sizeof(result), fds);
	found = fds[0];
	closep(&fds[1]); /* unexpected */
	if (got != (ssize_t)sizeof(result))
		return got < 0 ? (int)got : -EBUSY;
	return result < 0 ? result : TAKE_FD(found);
}

void broker__use(int fd)
{
	in_use = fd;
	beneath_root__open_by(ask);
}
