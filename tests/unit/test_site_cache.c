// SPDX-License-Identifier: BSD-2-Clause
/*
 * Scans that are remembered: found again, and never believed when somebody else could have written
 * them, or when they do not fit. Runs as nobody where it was started as root, whose cache is not ours
 * to fill.
 */
#include "probes/site_cache.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temp_file.h"
#include "tiny_elf.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define NOBODY 65534

static char place[] = "/tmp/test_site_cache.XXXXXX";
static char cache[64];

static const uint8_t free_code[] = {
	0x48, 0x8b, 0x56, 0x08, 0x48, 0x89, 0x17, 0x8b, 0x06, 0x48, 0x89, 0x7e,
	0x08, 0x83, 0xe8, 0x01, 0x89, 0x06, 0x48, 0x85, 0xd2, 0x74, 0x0a,
};

static int set_up_group(void **state)
{
	(void)state;
	if (!mkdtemp(place) || (geteuid() == 0 && chown(place, NOBODY, NOBODY)))
		return -1;
	/* Without the latter, the leak sanitizer could not look at the process any more. */
	if (geteuid() == 0 && (setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 1)))
		return -1;
	snprintf(cache, sizeof(cache), "%s/pyfrag", place);
	return setenv("XDG_CACHE_HOME", place, 1);
}

/* Calls @visit for each entry of the cache. Returns how many there are. */
static size_t visit_entries(void (*visit)(const char *path))
{
	DIR *directory = opendir(cache);
	struct dirent *entry;
	size_t cnt = 0;

	while (directory && (entry = readdir(directory))) {
		char path[512];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", cache, entry->d_name);
		cnt++;
		if (visit)
			visit(path);
	}
	if (directory)
		closedir(directory);
	return cnt;
}

static void remove_entry(const char *path)
{
	assert_int_equal(unlink(path), 0);
}

static int tear_down(void **state)
{
	(void)state;
	chmod(cache, 0700);
	visit_entries(remove_entry);
	rmdir(cache);
	return 0;
}

static int tear_down_group(void **state)
{
	(void)state;
	return rmdir(place);
}

/* Finds the sites of a file with one free in it, at the start of its text + @shift. */
static bool find(size_t shift, bool use_cache)
{
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	_cleanup_(site_set__free) struct site_set set = {};
	_cleanup_close_ int fd = -1;
	struct tiny_elf tiny;
	bool cached;

	tiny_elf__init(&tiny);
	memset(tiny.text, 0x90, sizeof(tiny.text));
	memcpy(tiny.text + 0x10 + shift, free_code, sizeof(free_code));
	fd = temp_file__new(&tiny, sizeof(tiny));
	assert_int_equal(elf_file__open(&elf, fd), 0);
	assert_int_equal(site_cache__find(&set, elf, use_cache, &cached), 0);
	/* Whatever the cache held, this is true. */
	assert_int_equal(set.cnt, 1);
	assert_int_equal(set.items[0].probe.type, EVENT_FREE);
	assert_int_equal(set.items[0].offset, TINY_TEXT_OFFSET + 0x10 + shift + 21);
	assert_int_equal(set.items[0].address, TINY_CODE_ADDRESS + set.items[0].offset);
	assert_true(set.items[0].emulated);
	return cached;
}

static void test_found_again(void **state)
{
	(void)state;
	assert_false(find(0, true));
	assert_int_equal(visit_entries(NULL), 1);
	assert_true(find(0, true));
	assert_int_equal(visit_entries(NULL), 1);
}

static void test_not_asked(void **state)
{
	(void)state;
	assert_false(find(0, false));
	assert_int_equal(visit_entries(NULL), 0);
	assert_false(find(0, true));
	assert_false(find(0, false));
}

/* The build id is the same, the code is not. */
static void test_rewritten_code(void **state)
{
	(void)state;
	assert_false(find(0, true));
	assert_false(find(4, true));
	assert_int_equal(visit_entries(NULL), 2);
	assert_true(find(0, true));
	assert_true(find(4, true));
}

static void write_entry(const char *path, const char *text)
{
	_cleanup_fclose_ FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
}

static void damage_header(const char *path)
{
	write_entry(path, "something else 1\n");
}

static void damage_count(const char *path)
{
	write_entry(path, "pyfrag sites 3\n400225 1 702\n");
}

static void damage_site(const char *path)
{
	write_entry(path, "pyfrag sites 1\nnot a site\n");
}

static void damage_address(const char *path)
{
	write_entry(path, "pyfrag sites 1\ndeadbeef0000 1 702\n");
}

static void damage_size(const char *path)
{
	write_entry(path, "pyfrag sites 99999999999\n");
}

static void empty(const char *path)
{
	write_entry(path, "");
}

static void open_to_others(const char *path)
{
	assert_int_equal(chmod(path, 0622), 0);
}

static void replace_by_link(const char *path)
{
	char other[600];

	snprintf(other, sizeof(other), "%s.real", path);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
}

static void test_entries_that_are_not_believed(void **state)
{
	void (*const damages[])(const char *path) = {
		damage_header, damage_count, damage_site,    damage_address,
		damage_size,   empty,	     open_to_others, replace_by_link,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		assert_false(find(0, true));
		assert_int_equal(visit_entries(damages[i]), 1);
		assert_false(find(0, true));
		/* It was put right. */
		assert_true(find(0, true));
		visit_entries(remove_entry);
	}
}

static void test_directory_open_to_others(void **state)
{
	(void)state;
	assert_false(find(0, true));
	assert_int_equal(chmod(cache, 0777), 0);
	assert_false(find(0, true));
	assert_int_equal(chmod(cache, 0700), 0);
	assert_true(find(0, true));
}

static void test_no_place_for_a_cache(void **state)
{
	(void)state;
	assert_int_equal(setenv("XDG_CACHE_HOME", "/nonexistent/cache", 1), 0);
	assert_false(find(0, true));
	assert_false(find(0, true));
	assert_int_equal(setenv("XDG_CACHE_HOME", place, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_found_again, tear_down),
		cmocka_unit_test_teardown(test_not_asked, tear_down),
		cmocka_unit_test_teardown(test_rewritten_code, tear_down),
		cmocka_unit_test_teardown(test_entries_that_are_not_believed, tear_down),
		cmocka_unit_test_teardown(test_directory_open_to_others, tear_down),
		cmocka_unit_test_teardown(test_no_place_for_a_cache, tear_down),
	};

	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
