// SPDX-License-Identifier: BSD-2-Clause
#include "util/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch_directory.h"
#include "unit_test.h"
#include "util/cleanup.h"

static int set_up(void **state)
{
	int fd;

	(void)state;
	if (scratch_directory__enter())
		return -1;
	fd = open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	return fd < 0 || symlink("file", "link") || mkfifo("fifo", 0600) || symlink("fifo", "far");
}

static int tear_down(void **state)
{
	static const char *const names[] = {"file", "link", "fifo", "far"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
	return scratch_directory__leave();
}

static void test_a_regular_file_is_opened(void **state)
{
	static const char *const names[] = {"file", "link"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct failure failure;
		_cleanup_close_ int fd = regular_file__open("cannot open", names[i], &failure);
		struct stat found, expected;

		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &found) || stat("file", &expected), 0);
		assert_true(found.st_ino == expected.st_ino);
		assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
}

/* The FIFO has no writer: opening it for reading would block forever. */
static void test_nothing_else_is(void **state)
{
	static const char *const names[] = {"fifo", "far", ".", "/dev/zero"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct failure failure;
		char expected[64];

		snprintf(expected, sizeof(expected), "cannot open %s: not a regular file",
			 names[i]);
		assert_int_equal(regular_file__open("cannot open", names[i], &failure), -EINVAL);
		assert_string_equal(failure.text, expected);
	}
}

static void test_what_is_not_there(void **state)
{
	struct failure failure;

	(void)state;
	assert_int_equal(regular_file__open("cannot open", "none", &failure), -ENOENT);
	assert_string_equal(failure.text, "cannot open none: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_regular_file_is_opened),
		cmocka_unit_test(test_nothing_else_is),
		cmocka_unit_test(test_what_is_not_there),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
