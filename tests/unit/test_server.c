// SPDX-License-Identifier: BSD-2-Clause
/*
 * The agent's server beside a reader that was taken over: whatever that sends, the server ends when
 * it is told to, or by itself when it is sent nonsense. It restricts itself, so it is run by a
 * process of its own.
 */
#include "agent/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/message.h"
#include "agent/pages.h"
#include "unit_test.h"
#include "util/cleanup.h"
#include "util/end_signals.h"

/* Tests may run side by side. */
static char listen_at[32];

static void send_number(int fd, enum message_type type, uint64_t number)
{
	struct packer packer = {};

	packer__add_u64(&packer, number);
	message__send(fd, type, &packer, MESSAGE_WAIT);
	packer__release(&packer);
}

static void send_head(int fd, uint32_t type, uint32_t size)
{
	const uint32_t head[] = {type, size};

	send(fd, head, sizeof(head), MSG_NOSIGNAL);
	pause();
}

/* What a reader does that is nobody's any more. */

/* Small messages, many at once: they take longer to be taken than to be sent. */
static int flood(int fd, const void *context)
{
	static struct {
		uint32_t type, size;
		uint64_t kind;
	} pages[8192];

	(void)context;
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i].type = MESSAGE_PAGE;
		pages[i].size = sizeof(pages[i].kind);
	}
	while (send(fd, pages, sizeof(pages), MSG_NOSIGNAL) > 0)
		;
	return 0;
}

static int say_nothing(int fd, const void *context)
{
	(void)fd;
	(void)context;
	pause();
	return 0;
}

static int send_half(int fd, const void *context)
{
	(void)context;
	send_head(fd, MESSAGE_PAGE, PAGE_BYTES_MAX);
	return 0;
}

static int send_too_much(int fd, const void *context)
{
	(void)context;
	send_head(fd, MESSAGE_PAGE, PAGE_BYTES_MAX + 1000);
	return 0;
}

static int send_no_type(int fd, const void *context)
{
	(void)context;
	send_head(fd, 12345, 0);
	return 0;
}

static int send_no_page(int fd, const void *context)
{
	(void)context;
	send_number(fd, MESSAGE_PAGE, PAGE_CNT);
	pause();
	return 0;
}

static int send_no_alert(int fd, const void *context)
{
	(void)context;
	send_number(fd, MESSAGE_ALERT, 1);
	pause();
	return 0;
}

static int be_ready_twice(int fd, const void *context)
{
	(void)context;
	message__send(fd, MESSAGE_READY, NULL, MESSAGE_WAIT);
	message__send(fd, MESSAGE_READY, NULL, MESSAGE_WAIT);
	pause();
	return 0;
}

static int open_http(struct http_server **out, http_answer_fn *answer, void *server,
		     const void *context, struct failure *failure)
{
	const struct http_options options = {.listen = listen_at,
					     .answer = answer,
					     .context = server};

	(void)context;
	return http_server__new(out, &options, failure);
}

/* Does not return. */
static void serve(int (*reader)(int fd, const void *context))
{
	struct part parts[PART_CNT] = {PART_UNSTARTED, PART_UNSTARTED, PART_UNSTARTED,
				       PART_UNSTARTED};
	struct log_pipe log = LOG_PIPE_NONE;
	struct server_options options = {.parts = parts,
					 .log = &log,
					 .signal_fd = end_signals__open(),
					 .listen = listen_at,
					 .open_http = open_http};
	struct part_options part = {.name = "reader",
				    .socket_type = SOCK_STREAM,
				    .stderr_fd = STDERR_FILENO,
				    .run = reader};
	struct failure failure;

	if (log_pipe__init(&log) || part__start(&parts[PART_READER], &part, &failure))
		_exit(100);
	_exit(server__run(&options) ? 1 : 0);
}

/* The status that it ends with: by itself, or else by SIGTERM after a while; -1: not even then. */
static int run(int (*reader)(int fd, const void *context), int wait_ms)
{
	int status = -1, ended;
	pid_t pid;

	snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%d", 20000 + getpid() % 20000);
	pid = fork();
	if (!pid)
		serve(reader);
	for (ended = 0; !ended && wait_ms > 0; wait_ms -= 10) {
		ended = waitpid(pid, &status, WNOHANG);
		poll(NULL, 0, 10);
	}
	if (!ended)
		kill(pid, SIGTERM);
	for (int i = 0; !ended && i < 1000; i++) {
		ended = waitpid(pid, &status, WNOHANG);
		poll(NULL, 0, 10);
	}
	if (!ended) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_it_ends_when_it_is_told_to(void **state)
{
	(void)state;
	assert_int_equal(run(flood, 300), 0);
	assert_int_equal(run(say_nothing, 300), 0);
	assert_int_equal(run(send_half, 300), 0);
}

static void test_it_ends_at_nonsense(void **state)
{
	(void)state;
	assert_int_equal(run(send_too_much, 10000), 1);
	assert_int_equal(run(send_no_type, 10000), 1);
	assert_int_equal(run(send_no_page, 10000), 1);
	assert_int_equal(run(send_no_alert, 10000), 1);
	assert_int_equal(run(be_ready_twice, 10000), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_ends_when_it_is_told_to),
		cmocka_unit_test(test_it_ends_at_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
