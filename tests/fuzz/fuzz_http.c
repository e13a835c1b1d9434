// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: a server that requires a token serves a page only to a request that names loopback and
 * either contains the token or asks for the open page. Afterwards the server has no connection
 * left. Requests are sent whole, over a loopback connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "host/http_server.h"
#include "util/cleanup.h"

#define TOKEN	    "hunter2"
#define OPEN_PATH   "/healthz"
#define ROUNDS_MAX  64
#define ANSWER_MAX  (64 << 10)
#define FIRST_PORT  20000
#define PORTS_TRIED 2000
#define CLIENTS	    50000

static struct http_server *server;
static uint16_t port;

static struct http_answer answer(void *context, const struct http_request *request)
{
	(void)context;
	CHECK(request->path);
	return (struct http_answer){.status = 200,
				    .type = "text/plain",
				    .text = shared_text__new("a page", strlen("a page"))};
}

/* Listens at a free port. */
static void start(void)
{
	static const char *const open_paths[] = {OPEN_PATH, NULL};
	char listen[64];
	struct http_options options = {.listen = listen,
				       .token = TOKEN,
				       .open_paths = open_paths,
				       .answer = answer};
	struct failure failure;

	for (int i = 0; i < PORTS_TRIED && !server; i++) {
		port = (uint16_t)(FIRST_PORT + (getpid() * 7 + i) % 30000);
		snprintf(listen, sizeof(listen), "127.0.0.1:%u", port);
		http_server__new(&server, &options, &failure);
	}
	CHECK(server);
}

/*
 * Connects from varying loopback addresses: where the server closes first, the pair of ports cannot
 * be reused for a minute, and a connection with that pair waits for a second.
 */
static int connect_to_it(void)
{
	static uint32_t connection_cnt;
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
				 from = {.sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 +
								  connection_cnt++ % CLIENTS)};
	/* Close with a reset, so that the port is free again at once. */
	const struct linger linger = {.l_onoff = 1};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	sigset_t timer;

	CHECK(fd >= 0 && !setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)));
	CHECK(!bind(fd, (const struct sockaddr *)(const void *)&from, sizeof(from)));
	/* The fuzzer's timer would interrupt the server. */
	CHECK(!sigemptyset(&timer) && !sigaddset(&timer, SIGALRM));
	CHECK(!sigprocmask(SIG_BLOCK, &timer, NULL));
	CHECK(!connect(fd, (const struct sockaddr *)(const void *)&to, sizeof(to)));
	CHECK(!sigprocmask(SIG_UNBLOCK, &timer, NULL));
	CHECK(!setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	return fd;
}

/* Sends a request, and reads everything that the server answers until it closes the connection. */
static void talk(const uint8_t *data, size_t size, char *text)
{
	_cleanup_close_ int fd = connect_to_it();
	size_t used = 0;

	/* The server may have closed the connection by then. */
	(void)!send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < ROUNDS_MAX; i++) {
		ssize_t cnt;

		http_server__run(server);
		cnt = recv(fd, text + used, ANSWER_MAX - 1 - used, MSG_DONTWAIT);
		if (!cnt || (cnt < 0 && errno != EAGAIN && errno != EINTR))
			break;
		used += cnt > 0 ? (size_t)cnt : 0;
	}
	text[used] = '\0';
}

static bool has(const uint8_t *data, size_t size, const char *text)
{
	return memmem(data, size, text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[ANSWER_MAX];

	if (!server)
		start();
	talk(data, size, text);
	for (int i = 0; i < 4; i++)
		http_server__run(server);
	CHECK(!*text || !strncmp(text, "HTTP/1.", 7));
	if (!strstr(text, " 200 OK\r\n"))
		return 0;
	CHECK(has(data, size, TOKEN) || has(data, size, OPEN_PATH) || has(data, size, "%"));
	CHECK(has(data, size, "127.") || has(data, size, "[") || has(data, size, "ost"));
	return 0;
}
