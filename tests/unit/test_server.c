// SPDX-License-Identifier: BSD-2-Clause
/*
 * The agent's server with a compromised reader: whatever the reader sends, the server ends when it
 * is told to, or by itself when it receives malformed data. It restricts itself, so it runs in a
 * process of its own.
 */
#include "agent/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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
#include "util/clock.h"
#include "util/end_signals.h"

/* Each run has its own address, because tests may run concurrently. */
static char listen_at[32];
static double serving_share = 1;

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

/* What a compromised reader does. */

/* Many small messages at once: receiving them takes longer than sending them. */
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

/* A reader that cannot read any more, because the maximum of readings hang. */
static int send_stuck(int fd, const void *context)
{
	struct packer health = {};

	(void)context;
	packer__add_u64(&health, 1);
	packer__add_u64(&health, 0);
	message__send(fd, MESSAGE_HEALTH, &health, MESSAGE_WAIT);
	packer__release(&health);
	pause();
	return 0;
}

/* The server's count of delayed requests, as it tells the reader. */
static uint64_t held_back_of(const struct message *message)
{
	struct cursor cursor = cursor__of(message);
	uint64_t value = 0;

	for (int i = 0; i < 7; i++)
		value = cursor__u64(&cursor);
	return value;
}

/*
 * A working reader: it sends a page, and reports that say how many were written and how often
 * requests were delayed. @cpu_ns: the cost of each report.
 */
static int write_reports(int fd, uint64_t cpu_ns)
{
	static const message_limits limits = {
		[MESSAGE_SERVED] = 1000,
		[MESSAGE_ASK_REPORT] = 2 * sizeof(uint64_t) + 1,
	};
	struct inbox inbox = {.fd = fd, .limits = limits};
	struct packer page = {}, health = {};
	struct message message;
	uint64_t held_back = 0;
	int cnt = 0;

	packer__add_u64(&page, PAGE_METRICS_PLAIN);
	packer__add_bytes(&page, "page", 4);
	message__send(fd, MESSAGE_PAGE, &page, MESSAGE_WAIT);
	packer__add_u64(&health, 0);
	packer__add_u64(&health, 0);
	message__send(fd, MESSAGE_HEALTH, &health, MESSAGE_WAIT);
	while (inbox__take(&inbox, &message) > 0) {
		struct cursor cursor = cursor__of(&message);
		struct packer report = {};
		char text[64];

		if (message.type == MESSAGE_SERVED) {
			held_back = held_back_of(&message);
		} else {
			packer__add_u64(&report, cursor__u64(&cursor));
			packer__add_u64(&report, REPORT_OK);
			packer__add_u64(&report, cpu_ns);
			packer__add_bytes(&report, text,
					  (size_t)snprintf(text, sizeof(text), "%d %llu", ++cnt,
							   (unsigned long long)held_back));
			message__send(fd, MESSAGE_REPORT, &report, MESSAGE_WAIT);
		}
		packer__release(&report);
		message__release(&message);
	}
	packer__release(&page);
	packer__release(&health);
	return 0;
}

static int write_cheap_reports(int fd, const void *context)
{
	(void)context;
	return write_reports(fd, 1);
}

static int write_dear_reports(int fd, const void *context)
{
	(void)context;
	return write_reports(fd, UINT64_MAX);
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
					 .serving_share = serving_share,
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

static uint16_t port;

static int connect_to_it(void)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	for (int i = 0; i < 1000; i++) {
		if (!connect(fd, (const struct sockaddr *)(const void *)&address, sizeof(address)))
			return fd;
		poll(NULL, 0, 10);
	}
	fail_msg("nobody listens at %s", listen_at);
	return -1;
}

/* Reads the whole response; returns the status. */
static int get(const char *path, char *answer, size_t size)
{
	_cleanup_close_ int fd = connect_to_it();
	size_t used = 0;
	ssize_t cnt;

	dprintf(fd, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
	while ((cnt = recv(fd, answer + used, size - 1 - used, 0)) > 0)
		used += (size_t)cnt;
	answer[used] = '\0';
	return used > 9 ? atoi(answer + 9) : 0;
}

static pid_t running;

static void begin(int (*reader)(int fd, const void *context))
{
	port = (uint16_t)(20000 + getpid() % 20000);
	snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%d", port);
	running = fork();
	if (!running)
		serve(reader);
}

/* Starts the server and waits until it has received data from its reader. */
static void start(int (*reader)(int fd, const void *context))
{
	char answer[1024];

	begin(reader);
	for (int i = 0; i < 1000 && get("/healthz", answer, sizeof(answer)) != 200; i++)
		poll(NULL, 0, 10);
}

/* Also runs after a failed test. */
static int stop(void **state)
{
	int status;

	(void)state;
	kill(running, SIGTERM);
	return waitpid(running, &status, 0) != running || !WIFEXITED(status) || WEXITSTATUS(status);
}

/* The exit status of the server: by itself, or else by SIGTERM after a while; -1: not even then. */
static int run(int (*reader)(int fd, const void *context), int wait_ms)
{
	int status = -1, ended;

	begin(reader);
	for (ended = 0; !ended && wait_ms > 0; wait_ms -= 10) {
		ended = waitpid(running, &status, WNOHANG);
		poll(NULL, 0, 10);
	}
	if (!ended)
		kill(running, SIGTERM);
	for (int i = 0; !ended && i < 1000; i++) {
		ended = waitpid(running, &status, WNOHANG);
		poll(NULL, 0, 10);
	}
	if (!ended) {
		kill(running, SIGKILL);
		waitpid(running, &status, 0);
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

/* A restart of the agent would not help, because any user may be the cause of hanging readings. */
static void test_it_lives_without_readings(void **state)
{
	char answer[1024];

	(void)state;
	begin(send_stuck);
	while (get("/healthz", answer, sizeof(answer)) != 503 ||
	       !strstr(answer, "heap reads are stalled"))
		poll(NULL, 0, 10);
	assert_int_equal(get("/livez", answer, sizeof(answer)), 200);
	assert_int_equal(get("/none", answer, sizeof(answer)), 404);
	assert_non_null(strstr(answer, "/livez"));
}

static void test_a_report_is_written_once_a_second(void **state)
{
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC), took_s;
	char answer[1024];
	int cnt;

	(void)state;
	start(write_cheap_reports);
	for (int i = 0; i < 300; i++)
		assert_int_equal(get("/v1/processes/7/report", answer, sizeof(answer)), 200);
	took_s = (clock_ns(CLOCK_MONOTONIC) - start_ns) / 1000000000;
	cnt = atoi(strstr(answer, "\r\n\r\n") + 4);
	assert_in_range(cnt, 1, took_s + 1);
	/* The report of another process is a separate one. */
	assert_int_equal(get("/v1/processes/8/report", answer, sizeof(answer)), 200);
	assert_true(atoi(strstr(answer, "\r\n\r\n") + 4) > cnt);
}

static void test_who_asks_for_too_much_is_refused(void **state)
{
	char answer[1024];

	(void)state;
	start(write_dear_reports);
	assert_int_equal(get("/v1/processes/7/report", answer, sizeof(answer)), 200);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(get("/v1/processes/8/report", answer, sizeof(answer)), 429);
		assert_true(atoi(strstr(answer, "Retry-After: ") + strlen("Retry-After: ")) > 0);
		/* Pages that cost next to nothing are served as before. */
		assert_int_equal(get("/metrics", answer, sizeof(answer)), 200);
		assert_non_null(strstr(answer, "\r\n\r\npage"));
		assert_int_equal(get("/healthz", answer, sizeof(answer)), 200);
	}
}

/* However small the share of a core is, all requests are answered in the end. */
static void test_requests_wait_when_serving_takes_too_much(void **state)
{
	unsigned long long held_back = 0;
	char answer[1024];

	(void)state;
	serving_share = 0.001;
	start(write_cheap_reports);
	serving_share = 1;
	for (int i = 0; i < 2000 && !held_back; i++) {
		assert_int_equal(get("/healthz", answer, sizeof(answer)), 200);
		assert_int_equal(get("/v1/processes/7/report", answer, sizeof(answer)), 200);
		sscanf(strstr(answer, "\r\n\r\n"), "%*d %llu", &held_back);
	}
	assert_int_not_equal(held_back, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_ends_when_it_is_told_to),
		cmocka_unit_test(test_it_ends_at_nonsense),
		cmocka_unit_test_teardown(test_it_lives_without_readings, stop),
		cmocka_unit_test_teardown(test_a_report_is_written_once_a_second, stop),
		cmocka_unit_test_teardown(test_who_asks_for_too_much_is_refused, stop),
		cmocka_unit_test_teardown(test_requests_wait_when_serving_takes_too_much, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
