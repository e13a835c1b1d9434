// SPDX-License-Identifier: BSD-2-Clause
/*
 * Names below a root directory that the test creates, so that it is known which must be found and
 * which must not.
 */
#include "target/beneath_root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit_test.h"
#include "util/cleanup.h"

struct tree {
	char path[64];
	int fd;
};

static void make_tree(struct tree *tree)
{
	snprintf(tree->path, sizeof(tree->path), "/tmp/test_beneath_root.XXXXXX");
	assert_non_null(mkdtemp(tree->path));
	tree->fd = open(tree->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(tree->fd >= 0);
	assert_int_equal(mkdirat(tree->fd, "etc", 0755), 0);
	assert_int_equal(symlinkat("/etc/inside", tree->fd, "absolute"), 0);
	assert_int_equal(symlinkat("../../../../../../etc/passwd", tree->fd, "escape"), 0);
	assert_int_equal(symlinkat("/proc/self/exe", tree->fd, "magic"), 0);
	assert_int_equal(mkfifoat(tree->fd, "fifo", 0600), 0);
	close(openat(tree->fd, "etc/inside", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void free_tree(struct tree *tree)
{
	static const char *const names[] = {"etc/inside", "absolute", "escape", "magic", "fifo"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlinkat(tree->fd, names[i], 0);
	unlinkat(tree->fd, "etc", AT_REMOVEDIR);
	close(tree->fd);
	rmdir(tree->path);
}

static void assert_leads_to(const struct tree *tree, const char *path, const char *name)
{
	_cleanup_close_ int fd = beneath_root__open_path(tree->fd, path);
	struct stat found, expected;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &found), 0);
	assert_int_equal(fstatat(tree->fd, name, &expected, 0), 0);
	assert_int_equal(found.st_ino, expected.st_ino);
	assert_int_equal(found.st_dev, expected.st_dev);
	/* It cannot be read. */
	assert_int_equal(read(fd, &found, 1), -1);
	assert_int_equal(errno, EBADF);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void test_paths_stay_below_the_root(void **state)
{
	struct tree tree;

	(void)state;
	make_tree(&tree);
	assert_leads_to(&tree, "/etc/inside", "etc/inside");
	assert_leads_to(&tree, "/absolute", "etc/inside");
	assert_leads_to(&tree, "/../../etc/inside", "etc/inside");
	assert_int_equal(beneath_root__open_path(tree.fd, "/escape"), -ENOENT);
	assert_int_equal(beneath_root__open_path(tree.fd, "/etc/passwd"), -ENOENT);
	free_tree(&tree);
}

/* The FIFO has no writer: opening it for reading would block forever. */
static void test_a_fifo_is_not_opened(void **state)
{
	struct tree tree;

	(void)state;
	make_tree(&tree);
	alarm(30);
	assert_leads_to(&tree, "/fifo", "fifo");
	alarm(0);
	free_tree(&tree);
}

/* A magic link in /proc can lead to any file, without a name. */
static void test_magic_links_are_refused(void **state)
{
	_cleanup_close_ int root = beneath_root__open_root(getpid());

	(void)state;
	assert_true(root >= 0);
	assert_int_equal(beneath_root__open_path(root, "/proc/self/exe"), -ELOOP);
	assert_int_equal(beneath_root__open_path(root, "/proc/self/fd/0"), -ELOOP);
}

static void test_no_such_process(void **state)
{
	(void)state;
	assert_int_equal(beneath_root__open_root(0x7ffffffe), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_stay_below_the_root),
		cmocka_unit_test(test_a_fifo_is_not_opened),
		cmocka_unit_test(test_magic_links_are_refused),
		cmocka_unit_test(test_no_such_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
