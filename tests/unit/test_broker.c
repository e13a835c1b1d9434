// SPDX-License-Identifier: BSD-2-Clause
#include "agent/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/beneath_root.h"
#include "unit_test.h"
#include "util/cleanup.h"

static struct part part;
static char directory[] = "/tmp/test_broker-XXXXXX";
static int root_fd;

static int start(void **state)
{
	const struct part_options options = {.name = "broker",
					     .socket_type = SOCK_SEQPACKET,
					     .stderr_fd = -1,
					     .run = broker__run};
	struct failure failure;
	int fd;

	(void)state;
	if (part__start(&part, &options, &failure) || !mkdtemp(directory))
		return -1;
	broker__use(part.fd);
	root_fd = open(directory, O_PATH | O_DIRECTORY);
	fd = openat(root_fd, "file", O_WRONLY | O_CREAT, 0600);
	close(fd);
	return symlinkat("/file", root_fd, "link") || mkfifoat(root_fd, "fifo", 0600) ||
	       symlinkat("/proc/self/exe", root_fd, "elsewhere");
}

static int end(void **state)
{
	static const char *const names[] = {"file", "link", "fifo", "elsewhere"};
	int status;

	(void)state;
	part__hang_up(&part);
	/* It exits by itself when no process can send requests any more. */
	if (!part__has_ended(&part, 10000, &status) || status)
		return -1;
	part__release(&part);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlinkat(root_fd, names[i], 0);
	close(root_fd);
	return rmdir(directory);
}

static void assert_is_same(int fd, const char *name)
{
	struct stat found, expected;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &found), 0);
	assert_int_equal(fstatat(root_fd, name, &expected, 0), 0);
	assert_true(found.st_ino == expected.st_ino && found.st_dev == expected.st_dev);
	assert_true(fcntl(fd, F_GETFL) & O_PATH);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void test_it_refers_to_what_is_there(void **state)
{
	(void)state;
	assert_is_same(beneath_root__open_path(root_fd, "/file"), "file");
	assert_is_same(beneath_root__open_path(root_fd, "/../../file"), "file");
	/* A link is resolved below that root. */
	assert_is_same(beneath_root__open_path(root_fd, "/link"), "file");
	assert_is_same(beneath_root__open_path(root_fd, "/fifo"), "fifo");
	assert_int_equal(beneath_root__open_path(root_fd, "/none"), -ENOENT);
	assert_int_equal(beneath_root__open_path(root_fd, "/elsewhere"), -ENOENT);
}

static void test_what_it_refuses(void **state)
{
	char path[PATH_MAX + 2];

	(void)state;
	memset(path, '/', sizeof(path));
	path[PATH_MAX + 1] = '\0';
	assert_int_equal(beneath_root__open_path(root_fd, path), -ENAMETOOLONG);
	assert_int_equal(beneath_root__open_path(-1, "/file"), -EBADF);
	/* A malformed request gets no answer; later requests do. */
	assert_int_equal(send(part.fd, "x", 1, 0), 1);
	assert_is_same(beneath_root__open_path(root_fd, "/file"), "file");
}

static void *ask_often(void *context)
{
	long *failed = context;

	for (int i = 0; i < 50; i++) {
		int fd = beneath_root__open_path(root_fd, "/file");

		*failed += fd < 0;
		closep(&fd);
	}
	return NULL;
}

static void test_many_ask_at_a_time(void **state)
{
	pthread_t threads[8];
	long failed[8] = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &failed[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(failed[i], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_refers_to_what_is_there),
		cmocka_unit_test(test_what_it_refuses),
		cmocka_unit_test(test_many_ask_at_a_time),
	};

	return cmocka_run_group_tests(tests, start, end);
}
