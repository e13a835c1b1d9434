// SPDX-License-Identifier: BSD-2-Clause
/*
 * A file is refused because of its owner or its permissions. Cases that only root can arrange are
 * tested as root only.
 */
#include "util/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch_directory.h"
#include "unit_test.h"
#include "util/cleanup.h"

static int set_up(void **state)
{
	(void)state;
	return scratch_directory__enter();
}

static int tear_down(void **state)
{
	(void)state;
	unlink("secret");
	unlink("link");
	return scratch_directory__leave();
}

static void put(const void *bytes, size_t size, mode_t mode)
{
	_cleanup_close_ int fd = open("secret", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	assert_int_equal(fchmod(fd, mode), 0);
}

static void check_good(const char *path, const char *expected)
{
	_cleanup_free_ char *secret = NULL;
	struct failure failure = {};

	if (secret_file__read(&secret, path, &failure))
		fail_msg("%s", failure.text);
	assert_string_equal(secret, expected);
}

static void check_bad(const char *path, int expected, const char *why)
{
	struct failure failure = {};
	char *secret = NULL;

	assert_int_equal(secret_file__read(&secret, path, &failure), expected);
	assert_null(secret);
	if (!strstr(failure.text, why) || !strstr(failure.text, path) ||
	    strstr(failure.text, "hunter2"))
		fail_msg("'%s' does not say '%s' of %s, or says too much", failure.text, why, path);
}

static void test_content(void **state)
{
	char large[SECRET_BYTES_MAX + 2];

	(void)state;
	put("hunter2", 7, 0600);
	check_good("secret", "hunter2");
	put("hunter2\r\nmore", 13, 0400);
	check_good("secret", "hunter2");
	put("hunter\0002", 8, 0600);
	check_good("secret", "hunter");
	put("", 0, 0600);
	check_bad("secret", -EINVAL, "empty");
	put("\nhunter2", 8, 0600);
	check_bad("secret", -EINVAL, "empty");
	memset(large, 'x', sizeof(large));
	large[SECRET_BYTES_MAX] = '\n';
	put(large, sizeof(large), 0600);
	large[SECRET_BYTES_MAX] = '\0';
	check_good("secret", large);
	large[SECRET_BYTES_MAX] = 'x';
	put(large, sizeof(large), 0600);
	check_bad("secret", -EINVAL, "longer");
}

static void test_permissions(void **state)
{
	static const mode_t bad[] = {0604, 0602, 0601, 0620, 0610, 0666, 0777};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put("hunter2", 7, bad[i]);
		check_bad("secret", -EPERM, "chmod 600");
	}
	if (geteuid()) {
		print_message("skipped: giving a file to others takes root\n");
		return;
	}
	put("hunter2", 7, 0440);
	check_good("secret", "hunter2");
	assert_int_equal(chown("secret", 0, 65534), 0);
	check_bad("secret", -EPERM, "chmod 600");
	assert_int_equal(chown("secret", 65534, 0), 0);
	assert_int_equal(chmod("secret", 0400), 0);
	check_bad("secret", -EPERM, "belongs to user 65534");
}

/* None of these may block, or be read without end. */
static void test_no_regular_file(void **state)
{
	(void)state;
	assert_int_equal(mkfifo("secret", 0600), 0);
	check_bad("secret", -EINVAL, "regular");
	check_bad("/dev/zero", -EINVAL, "regular");
	check_bad(".", -EINVAL, "regular");
	check_bad("none", -ENOENT, "No such file");
}

/* Kubernetes mounts the keys of a Secret as links. */
static void test_link(void **state)
{
	(void)state;
	put("hunter2", 7, 0400);
	assert_int_equal(symlink("secret", "link"), 0);
	check_good("link", "hunter2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_content),
		TEST(test_permissions),
		TEST(test_no_regular_file),
		TEST(test_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
