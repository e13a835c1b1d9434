// SPDX-License-Identifier: BSD-2-Clause
/*
 * Trees of files like those in /proc and in mounted cgroup hierarchies, below the test's own
 * directory.
 */
#include "util/memory_limit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scratch_directory.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define MIB (1UL << 20)

static int set_up(void **state)
{
	(void)state;
	return scratch_directory__enter();
}

static int tear_down(void **state)
{
	(void)state;
	return system("rm -rf ./*") ? -1 : scratch_directory__leave();
}

/* Creates its directories, too. */
static void write_file(const char *path, const char *text)
{
	char copy[PATH_MAX];
	FILE *file;

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *at = copy; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		mkdir(copy, 0700);
	}
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static uint64_t find(void)
{
	char root[PATH_MAX];

	snprintf(root, sizeof(root), "%s", scratch_directory__path());
	return memory_limit__find(root);
}

static void test_no_limit(void **state)
{
	(void)state;
	assert_int_equal(find(), UINT64_MAX);
	write_file("proc/self/cgroup", "0::/\n");
	assert_int_equal(find(), UINT64_MAX);
	write_file("proc/self/mountinfo",
		   "31 23 0:28 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n");
	assert_int_equal(find(), UINT64_MAX);
	write_file("sys/fs/cgroup/memory.max", "max\n");
	assert_int_equal(find(), UINT64_MAX);
	assert_int_equal(memory_limit__default(scratch_directory__path()), 1024 * MIB);
}

static void test_the_least_of_a_group_and_those_around_it(void **state)
{
	(void)state;
	write_file("proc/self/mountinfo",
		   "23 1 0:2 / / rw - ext4 /dev/vda rw\n"
		   "31 23 0:28 / /sys/fs/cgroup rw shared:9 master:1 - cgroup2 cgroup2 rw\n");
	write_file("proc/self/cgroup", "0::/system.slice/pyfrag.service\n");
	write_file("sys/fs/cgroup/system.slice/pyfrag.service/memory.max", "536870912\n");
	assert_int_equal(find(), 512 * MIB);
	assert_int_equal(memory_limit__default(scratch_directory__path()), 256 * MIB);
	write_file("sys/fs/cgroup/system.slice/memory.max", "268435456\n");
	assert_int_equal(find(), 256 * MIB);
	write_file("sys/fs/cgroup/system.slice/pyfrag.service/memory.max", "max\n");
	assert_int_equal(find(), 256 * MIB);
	/* A cgroup that does not contain this process. */
	write_file("sys/fs/cgroup/user.slice/memory.max", "1048576\n");
	write_file("sys/fs/memory.max", "1048576\n");
	assert_int_equal(find(), 256 * MIB);
	/* The view inside a container with a cgroup namespace of its own. */
	write_file("proc/self/cgroup", "0::/\n");
	write_file("sys/fs/cgroup/memory.max", "12582912\n");
	assert_int_equal(find(), 12 * MIB);
	assert_int_equal(memory_limit__default(scratch_directory__path()), MEMORY_DEFAULT_MIN);
}

static void test_version_1(void **state)
{
	(void)state;
	write_file("proc/self/mountinfo",
		   "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
		   "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		   "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	write_file("proc/self/cgroup", "5:cpu:/a\n4:memory:/a/b\n1:name=systemd:/\n0::/\n");
	write_file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	assert_int_equal(memory_limit__default(scratch_directory__path()), 1024 * MIB);
	write_file("sys/fs/cgroup/cpu/a/memory.limit_in_bytes", "1048576\n");
	write_file("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "268435456\n");
	assert_int_equal(find(), 256 * MIB);
	write_file("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "134217728\n");
	assert_int_equal(find(), 128 * MIB);
}

/* In a container without a cgroup namespace, only its own cgroup is mounted. */
static void test_a_part_of_the_hierarchy_is_mounted(void **state)
{
	(void)state;
	write_file("proc/self/mountinfo",
		   "35 31 0:32 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
	write_file("proc/self/cgroup", "4:hugetlb,memory:/docker/x/y\n");
	write_file("sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
	assert_int_equal(find(), 256 * MIB);
	write_file("sys/fs/cgroup/memory/y/memory.limit_in_bytes", "134217728\n");
	assert_int_equal(find(), 128 * MIB);
	write_file("proc/self/cgroup", "4:hugetlb,memory:/docker/xy\n");
	assert_int_equal(find(), 256 * MIB);
	write_file("proc/self/cgroup", "4:hugetlb,memory:/../../y\n");
	assert_int_equal(find(), 256 * MIB);
}

static void test_malformed_texts(void **state)
{
	(void)state;
	write_file("proc/self/cgroup", "\n0\n0:\n::\n0::/\n4:memory:/\n");
	write_file("proc/self/mountinfo", "\n1 2 3\n1 2 3 / /x\n1 2 3 / /x - cgroup2\n"
					  "1 2 3 / /x - cgroup2 cgroup2 rw\n");
	write_file("x/memory.max", "-\n");
	assert_int_equal(find(), UINT64_MAX);
	write_file("x/memory.max", "268435456\n");
	assert_int_equal(find(), 256 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_least_of_a_group_and_those_around_it,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_version_1, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_part_of_the_hierarchy_is_mounted, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_malformed_texts, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
