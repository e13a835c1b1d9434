// SPDX-License-Identifier: BSD-2-Clause
#include "agent/namer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/confinement.h"
#include "target/user_name.h"
#include "util/clock.h"
#include "util/log.h"

#define NAME_BYTES 256
#define NS_PER_MS  1000000UL

struct question {
	uint64_t number;
	uid_t uid;
};

struct answer {
	uint64_t number; /* of the request */
	int result;	 /* what user_name__find() returned */
	char name[NAME_BYTES];
};

static struct {
	pthread_mutex_t lock;
	int fd;
	uint64_t number;
} in_use = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/*
 * Looks up an invalid user id, so that the C library loads all its name services. The filter
 * forbids that later.
 */
static void load_services(void)
{
	char name[NAME_BYTES];

	user_name__find((uid_t)-2, name, sizeof(name));
}

static int begin(void)
{
	struct failure failure;
	pid_t parent = getppid();

	load_services();
	if (confinement__of_namer(&failure)) {
		log_error("%s", failure.text);
		return -EPERM;
	}
	/* Changing the user has reset the signal, so set it again. */
	return prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent ? -EPERM : 0;
}

int namer__run(int fd, const void *context)
{
	struct question question;
	ssize_t got;

	(void)context;
	if (begin())
		return 1;
	while ((got = recv(fd, &question, sizeof(question), 0)) == (ssize_t)sizeof(question)) {
		struct answer answer = {.number = question.number};

		answer.result = user_name__find(question.uid, answer.name, sizeof(answer.name));
		send(fd, &answer, sizeof(answer), MSG_NOSIGNAL);
	}
	return got != 0;
}

/* Skips late answers to earlier requests. */
static int receive(struct answer *answer)
{
	uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + NAMER_WAIT_MS * NS_PER_MS, now_ns;
	struct pollfd readable = {.fd = in_use.fd, .events = POLLIN};

	while ((now_ns = clock_ns(CLOCK_MONOTONIC)) < until_ns) {
		if (poll(&readable, 1, (int)((until_ns - now_ns) / NS_PER_MS) + 1) <= 0)
			continue;
		if (recv(in_use.fd, answer, sizeof(*answer), MSG_DONTWAIT) !=
		    (ssize_t)sizeof(*answer))
			return -EPIPE;
		if (answer->number == in_use.number)
			return 0;
	}
	return -ETIMEDOUT;
}

static int ask(uid_t uid, char *name, size_t size)
{
	struct answer answer;
	struct question question = {.uid = uid};
	int err;

	pthread_mutex_lock(&in_use.lock);
	question.number = ++in_use.number;
	err = send(in_use.fd, &question, sizeof(question), MSG_NOSIGNAL | MSG_DONTWAIT) < 0
		      ? -errno
		      : receive(&answer);
	pthread_mutex_unlock(&in_use.lock);
	if (err)
		return err;
	answer.name[NAME_BYTES - 1] = '\0';
	if (answer.result)
		return answer.result;
	if (strlen(answer.name) >= size)
		return -ENAMETOOLONG;
	strcpy(name, answer.name);
	return 0;
}

void namer__use(int fd)
{
	in_use.fd = fd;
	user_name__find_by(ask);
}
