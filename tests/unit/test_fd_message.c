// SPDX-License-Identifier: BSD-2-Clause
#include "util/fd_message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit_test.h"
#include "util/cleanup.h"

static int sockets[2], ends[2];

static int set_up(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) ||
	       pipe2(ends, O_CLOEXEC);
}

static int tear_down(void **state)
{
	(void)state;
	closep(&sockets[0]);
	closep(&sockets[1]);
	closep(&ends[0]);
	closep(&ends[1]);
	return 0;
}

static void test_descriptors_come_in_order(void **state)
{
	int fds[FD_MESSAGE_FDS_MAX] = {-1, -1};
	char bytes[8] = "";

	(void)state;
	assert_int_equal(fd_message__send(sockets[0], "word", 5, ends, 2), 5);
	assert_int_equal(fd_message__receive(sockets[1], bytes, sizeof(bytes), fds), 5);
	assert_string_equal(bytes, "word");
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(fds[0], bytes, sizeof(bytes)), 1);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		close(fds[i]);
	}
}

/* The pipe reports its end when no process has its other end open. */
static void test_what_has_no_place_is_closed(void **state)
{
	int fds[FD_MESSAGE_FDS_MAX] = {sockets[0], sockets[1]};
	char byte;

	(void)state;
	assert_int_equal(fd_message__send(sockets[0], "x", 1, &ends[1], 1), 1);
	assert_int_equal(fd_message__receive(sockets[1], &byte, 1, fds), 1);
	assert_int_equal(fds[0], sockets[0]);
	assert_int_equal(fds[1], sockets[1]);
	close(TAKE_FD(ends[1]));
	assert_int_equal(read(ends[0], &byte, 1), 0);
}

static void test_without_descriptors(void **state)
{
	int fds[FD_MESSAGE_FDS_MAX] = {-1, -1};
	char byte;

	(void)state;
	assert_int_equal(fd_message__send(sockets[0], "x", 1, NULL, 0), 1);
	assert_int_equal(fd_message__receive(sockets[1], &byte, 1, fds), 1);
	assert_int_equal(fds[0], -1);
	assert_int_equal(fd_message__send(sockets[0], "x", 1, ends, FD_MESSAGE_FDS_MAX + 1),
			 -EINVAL);
}

static void test_the_other_side_is_gone(void **state)
{
	int fds[FD_MESSAGE_FDS_MAX] = {-1, -1};
	char byte;

	(void)state;
	close(TAKE_FD(sockets[0]));
	assert_int_equal(fd_message__receive(sockets[1], &byte, 1, fds), 0);
	assert_int_equal(fd_message__send(sockets[1], "x", 1, ends, 2), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_descriptors_come_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_has_no_place_is_closed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_without_descriptors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_other_side_is_gone, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
