// SPDX-License-Identifier: BSD-2-Clause
#include "host/http_address.h"

#include <netinet/in.h>
#include <string.h>

#include "unit_test.h"
#include "util/cleanup.h"

static void check_split(const char *text, const char *expected_host, const char *expected_port)
{
	char host[16] = "untouched";
	const char *port = NULL;

	if (http_address__split(text, host, sizeof(host), &port) != (expected_host != NULL))
		fail_msg("'%s' is %s an address", text, expected_host ? "not" : "wrongly");
	assert_string_equal(host, expected_host ? expected_host : "untouched");
	if (expected_port)
		assert_string_equal(port, expected_port);
	else
		assert_null(port);
}

static void test_split(void **state)
{
	static const char *const bad[] = {
		"",	      ":",	  "host",     "host:",
		":80",	      "[]:80",	  "host:0",   "host:-80",
		"host:65536", "host:80x", "host: 80", "host:99999999999999999999",
		"[",	      "[:80",	  "host:+80", "fifteenbytes.xx1:80",
	};

	(void)state;
	check_split("127.0.0.1:9876", "127.0.0.1", "9876");
	check_split("[::1]:65535", "::1", "65535");
	check_split("::1:80", "::1", "80");
	check_split("fifteenbytes.xx:1", "fifteenbytes.xx", "1");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_split(bad[i], NULL, NULL);
}

static bool is_loopback4(uint32_t address)
{
	const struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};

	return http_address__is_loopback((const struct sockaddr *)(const void *)&in);
}

static bool is_loopback6(struct in6_addr address)
{
	const struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_addr = address};

	return http_address__is_loopback((const struct sockaddr *)(const void *)&in);
}

static void test_loopback(void **state)
{
	const struct sockaddr unix_ = {.sa_family = AF_UNIX};

	(void)state;
	assert_true(is_loopback4(0x7f000001) && is_loopback4(0x7f000000) &&
		    is_loopback4(0x7fffffff));
	assert_false(is_loopback4(0) || is_loopback4(0x7effffff) || is_loopback4(0x80000000) ||
		     is_loopback4(0x0100007f));
	assert_true(is_loopback6(in6addr_loopback));
	assert_false(is_loopback6(in6addr_any));
	assert_true(is_loopback6((struct in6_addr){.s6_addr = {[10] = 0xff, 0xff, 127, 0, 0, 1}}));
	assert_false(is_loopback6((struct in6_addr){.s6_addr = {[10] = 0xff, 0xff, 10, 0, 0, 1}}));
	/* Without the prefix of IPv4-mapped addresses it is another address. */
	assert_false(is_loopback6((struct in6_addr){.s6_addr = {[12] = 127, 0, 0, 1}}));
	assert_false(http_address__is_loopback(&unix_));
}

static void test_host_headers(void **state)
{
	static const char *const good[] = {
		"localhost",
		"localhost:9876",
		"LocalHost:1",
		"127.0.0.1",
		"127.0.0.1:9876",
		"127.1.2.3:",
		"[::1]",
		"[::1]:80",
		"[0:0:0:0:0:0:0:1]",
		"[::ffff:127.0.0.1]:80",
	};
	static const char *const bad[] = {
		"",
		":80",
		"evil.example",
		"evil.example:9876",
		"localhost.evil.example",
		"127.0.0.1.evil.example",
		"evil.example#127.0.0.1",
		"user@localhost",
		"localhost@evil.example",
		"localhost:80@evil.example",
		"localhost:evil",
		"localhost ",
		" localhost",
		"localhost.",
		"127.0.0.1:80:80",
		"127.1",
		"2130706433",
		"0x7f.0.0.1",
		"0177.0.0.1",
		"0.0.0.0",
		"128.0.0.1",
		"::1",
		"[::1",
		"[::1]x",
		"[::1]:80x",
		"[::2]",
		"[::ffff:10.0.0.1]",
		"[127.0.0.1]",
		"[localhost]",
		"[]",
		"[::1%lo]",
	};
	char large[1000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!http_address__names_loopback(good[i]))
			fail_msg("'%s' names loopback", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (http_address__names_loopback(bad[i]))
			fail_msg("'%s' does not name loopback", bad[i]);
	memset(large, '0', sizeof(large));
	memcpy(large + sizeof(large) - 10, "127.0.0.1", 10);
	assert_false(http_address__names_loopback(large));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_host_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
