// SPDX-License-Identifier: BSD-2-Clause
/* Connections are ends of socket pairs; when one is shut down, the other end reads its end. */
#include "host/http_clients.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit_test.h"
#include "util/cleanup.h"

struct pair {
	int ours, theirs;
};

static struct pair connect_from(struct http_clients *clients, uint32_t address, uint64_t now_ns)
{
	const struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		abort();
	http_clients__add(clients, fds[0], (const struct sockaddr *)(const void *)&in, now_ns);
	return (struct pair){fds[0], fds[1]};
}

static bool is_open(struct pair pair)
{
	struct pollfd theirs = {.fd = pair.theirs, .events = POLLRDHUP};

	return poll(&theirs, 1, 0) == 0;
}

static void end(struct http_clients *clients, struct pair pair)
{
	http_clients__remove(clients, pair.ours);
	close(pair.ours);
	close(pair.theirs);
}

static void test_deadline(void **state)
{
	struct http_clients clients = {};
	struct pair slow = connect_from(&clients, 1, 0), polite = connect_from(&clients, 1, 0);

	(void)state;
	http_clients__expire(&clients, HTTP_REQUEST_NS);
	assert_true(is_open(slow) && is_open(polite));
	http_clients__renew(&clients, polite.ours, HTTP_REQUEST_NS);
	http_clients__expire(&clients, HTTP_REQUEST_NS + 1);
	assert_true(!is_open(slow) && is_open(polite));
	/* It is counted once, until it is closed. */
	http_clients__expire(&clients, 2 * HTTP_REQUEST_NS);
	assert_int_equal(clients.closed_cnt, 1);
	end(&clients, slow);
	http_clients__expire(&clients, 2 * HTTP_REQUEST_NS + 1);
	assert_false(is_open(polite));
	assert_int_equal(clients.closed_cnt, 2);
	end(&clients, polite);
	assert_int_equal(clients.cnt, 0);
}

static void test_oldest_of_an_address_makes_room(void **state)
{
	struct http_clients clients = {};
	struct pair many[HTTP_CLIENTS_PER_ADDRESS + 2], other = connect_from(&clients, 2, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = connect_from(&clients, 1, i + 1);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		assert_int_equal(is_open(many[i]), i >= 2);
	assert_true(is_open(other));
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		end(&clients, many[i]);
	end(&clients, other);
}

/*
 * Many addresses together: a connection of the address with the most is closed, also for a new
 * address.
 */
static void test_all_together(void **state)
{
	struct http_clients clients = {};
	struct pair many[HTTP_CLIENTS_MAX], one = connect_from(&clients, 99, 0);
	size_t open_cnt = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = connect_from(&clients, 1 + i % 8, i + 1);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		open_cnt += is_open(many[i]);
	assert_true(is_open(one) && is_open(many[ARRAY_SIZE(many) - 1]));
	assert_true(open_cnt < HTTP_CLIENTS_MAX - 16 && open_cnt > HTTP_CLIENTS_MAX / 2);
	assert_int_equal(clients.closed_cnt, ARRAY_SIZE(many) - open_cnt);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		end(&clients, many[i]);
	end(&clients, one);
}

static void add_from6(struct http_clients *clients, int fd, const struct in6_addr *address)
{
	const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = *address};

	http_clients__add(clients, fd, (const struct sockaddr *)(const void *)&in6, 0);
}

static void test_addresses(void **state)
{
	const struct in6_addr mapped = {.s6_addr = {[10] = 0xff, 0xff, 0, 0, 0, 1}},
			      one = {.s6_addr = {0x20, 1, [15] = 1}},
			      same_host = {.s6_addr = {0x20, 1, [15] = 2}},
			      other = {.s6_addr = {0x20, 1, 1}};
	struct http_clients clients = {};
	struct pair four = connect_from(&clients, 1, 0);

	(void)state;
	add_from6(&clients, -1, &mapped);
	add_from6(&clients, -1, &one);
	add_from6(&clients, -1, &same_host);
	add_from6(&clients, -1, &other);
	assert_true(clients.items[0].address == clients.items[1].address);
	assert_true(clients.items[0].family == clients.items[1].family);
	assert_true(clients.items[2].address == clients.items[3].address);
	assert_false(clients.items[2].address == clients.items[4].address);
	end(&clients, four);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_oldest_of_an_address_makes_room),
		cmocka_unit_test(test_all_together),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
