// SPDX-License-Identifier: BSD-2-Clause
/* Pruning a directory of cached scans: the test creates files with given times. */
#include "probes/cache_directory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "probes/sites.h"
#include "unit_test.h"
#include "util/cleanup.h"

struct fixture {
	char path[64];
	int fd;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	strcpy(fixture.path, "/tmp/test_cache_directory.XXXXXX");
	if (!mkdtemp(fixture.path))
		return -1;
	fixture.fd = open(fixture.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &fixture;
	return fixture.fd < 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_closedir_ DIR *stream = opendir(fixture->path);
	const struct dirent *entry;

	while ((entry = readdir(stream)))
		if (unlinkat(fixture->fd, entry->d_name, 0))
			unlinkat(fixture->fd, entry->d_name, AT_REMOVEDIR);
	close(fixture->fd);
	return rmdir(fixture->path);
}

static void put(const struct fixture *fixture, const char *name, long age_s)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - age_s}};
	int fd = openat(fixture->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static bool is_there(const struct fixture *fixture, const char *name)
{
	return !faccessat(fixture->fd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* The name of entry @number of this version. */
static const char *name_of(unsigned int number)
{
	static char name[128];

	snprintf(name, sizeof(name), "%064x-%d.sites", number, SITES_SCANNER_VERSION);
	return name;
}

static void test_former_versions(void **state)
{
	struct fixture *fixture = *state;
	const char *const former[] = {
		/* Names of version 7 and earlier: build id, a hash of the code. */
		"571d98e01096d5c1c32420d229a6731a0a50d2a0-2b527526c5e285de-7.sites",
		"571d98e01096d5c1c32420d229a6731a0a50d2a0-2b527526c5e285de-8.sites",
		"0000000000000000000000000000000000000000000000000000000000000001-1.sites",
		"0000000000000000000000000000000000000000000000000000000000000001.sites",
		".sites",
	};

	for (size_t i = 0; i < ARRAY_SIZE(former); i++)
		put(fixture, former[i], 0);
	put(fixture, name_of(1), 0);
	put(fixture, "README", 1000 * 86400L); /* not one of pyfrag's files */
	assert_int_equal(cache_directory__prune(fixture->fd), 0);
	for (size_t i = 0; i < ARRAY_SIZE(former); i++)
		assert_false(is_there(fixture, former[i]));
	assert_true(is_there(fixture, name_of(1)));
	assert_true(is_there(fixture, "README"));
}

static void test_old_entries(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, name_of(1), SITE_CACHE_AGE_MAX_S + 60);
	put(fixture, name_of(2), SITE_CACHE_AGE_MAX_S - 60);
	put(fixture, name_of(3), -3600); /* the clock was set back */
	assert_int_equal(cache_directory__prune(fixture->fd), 0);
	assert_false(is_there(fixture, name_of(1)));
	assert_true(is_there(fixture, name_of(2)));
	assert_true(is_there(fixture, name_of(3)));
}

/* Another pyfrag may be about to finish it. */
static void test_half_written_entries(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, "new-1", 7200);
	put(fixture, "new-2", 1);
	assert_int_equal(cache_directory__prune(fixture->fd), 0);
	assert_false(is_there(fixture, "new-1"));
	assert_true(is_there(fixture, "new-2"));
}

static void test_most_recently_used_stay(void **state)
{
	struct fixture *fixture = *state;
	const unsigned int cnt = SITE_CACHE_ENTRIES_MAX + 20;

	/* In scattered order: 5 and 84 have no common divisor. */
	for (unsigned int i = 0; i < cnt; i++)
		put(fixture, name_of(i * 5 % cnt), 60L * (i * 5 % cnt));
	assert_int_equal(cache_directory__prune(fixture->fd), 0);
	for (unsigned int i = 0; i < cnt; i++)
		assert_int_equal(is_there(fixture, name_of(i)), i < SITE_CACHE_ENTRIES_MAX);
}

static void test_what_cannot_be_removed(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(mkdirat(fixture->fd, "a.sites", 0700), 0);
	assert_true(cache_directory__prune(fixture->fd) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_former_versions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_old_entries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_written_entries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_most_recently_used_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_removed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
