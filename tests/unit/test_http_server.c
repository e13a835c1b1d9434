// SPDX-License-Identifier: BSD-2-Clause
/*
 * The requests that are answered: those with the token, in any form of the header that RFC 9110
 * allows, and those for a page that needs none. Concurrent requests are tested with the whole
 * agent.
 */
#include "host/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit_test.h"
#include "util/cleanup.h"

#define TOKEN "let me in"

static struct http_server *server;
static uint16_t port;

static struct http_answer answer(void *context, const struct http_request *request)
{
	(void)context;
	return (struct http_answer){.status = 200,
				    .type = "text/plain",
				    .text = shared_text__new(request->path, strlen(request->path))};
}

/* Listens at a free port. */
static int set_up(void **state)
{
	static const char *const open_paths[] = {"/one", "/other", NULL};
	char listen[32];
	const struct http_options options = {.listen = listen,
					     .token = TOKEN,
					     .open_paths = open_paths,
					     .answer = answer};
	struct failure failure;

	(void)state;
	for (int i = 0; i < 1000 && !server; i++) {
		port = (uint16_t)(20000 + (getpid() * 7 + i) % 10000);
		snprintf(listen, sizeof(listen), "127.0.0.1:%u", port);
		http_server__new(&server, &options, &failure);
	}
	return server ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	http_server__free(server);
	return 0;
}

/* The status of the response to a request with these header lines, each ended by CR LF. */
static int get(const char *path, const char *headers)
{
	const struct sockaddr_in in = {.sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[1024] = "";
	size_t used = 0;
	ssize_t cnt = -1;

	assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&in, sizeof(in)), 0);
	dprintf(fd, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", path,
		headers);
	for (int i = 0; i < 1000 && cnt; i++) {
		struct pollfd on_answer = {.fd = fd, .events = POLLIN};

		http_server__run(server);
		if (poll(&on_answer, 1, 10) <= 0)
			continue;
		cnt = recv(fd, text + used, sizeof(text) - 1 - used, 0);
		assert_true(cnt >= 0);
		used += (size_t)cnt;
	}
	text[used] = '\0';
	assert_int_equal(strncmp(text, "HTTP/1.1 ", 9), 0);
	return atoi(text + 9);
}

static void test_the_token(void **state)
{
	static const char *const right[] = {"Bearer " TOKEN, "bearer " TOKEN, "BEARER " TOKEN,
					    "bEaReR   " TOKEN};
	static const char *const wrong[] = {
		"Bearer " TOKEN "n", "Bearer let me", "Bearer LET ME IN",
		"Bearer" TOKEN,	     "Bearer",	      "Bearer ",
		"Basic " TOKEN,	     TOKEN,	      ""};
	char header[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
		snprintf(header, sizeof(header), "Authorization: %s\r\n", right[i]);
		if (get("/any", header) != 200)
			fail_msg("%s is refused", right[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(header, sizeof(header), "Authorization: %s\r\n", wrong[i]);
		if (get("/any", header) != 401)
			fail_msg("%s is let in", wrong[i]);
	}
	assert_int_equal(get("/any", ""), 401);
}

static void test_open_pages(void **state)
{
	(void)state;
	assert_int_equal(get("/one", ""), 200);
	assert_int_equal(get("/other", ""), 200);
	assert_int_equal(get("/othe", ""), 401);
	assert_int_equal(get("/other/", ""), 401);
	assert_int_equal(get("/One", ""), 401);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_token),
		cmocka_unit_test(test_open_pages),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
