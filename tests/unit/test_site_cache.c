// SPDX-License-Identifier: BSD-2-Clause
/*
 * Cached scans: they are found only for the same bytes, never for files that others can write, and
 * never used if somebody else could have written them or if they do not fit. Runs as nobody if
 * started as root, so as not to fill root's cache.
 */
#include "probes/site_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "probes/cache_directory.h"
#include "temp_file.h"
#include "tiny_elf.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define NOBODY 65534

static char place[] = "/tmp/test_site_cache.XXXXXX";
static char cache[64], file[64];

static const uint8_t free_code[] = {
	0x48, 0x8b, 0x56, 0x08, 0x48, 0x89, 0x17, 0x8b, 0x06, 0x48, 0x89, 0x7e,
	0x08, 0x83, 0xe8, 0x01, 0x89, 0x06, 0x48, 0x85, 0xd2, 0x74, 0x0a,
};

static int set_up_group(void **state)
{
	(void)state;
	if (!mkdtemp(place) || (geteuid() == 0 && chown(place, NOBODY, NOBODY)))
		return -1;
	/* Otherwise the leak sanitizer could not examine the process. */
	if (geteuid() == 0 && (setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 1)))
		return -1;
	snprintf(cache, sizeof(cache), "%s/pyfrag", place);
	snprintf(file, sizeof(file), "%s/python", place);
	return setenv("XDG_CACHE_HOME", place, 1);
}

/* Calls @visit for each entry of the cache. Returns the number of entries. */
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
	unlink(file);
	return 0;
}

static int tear_down_group(void **state)
{
	(void)state;
	return rmdir(place);
}

/* A file with one free in it, at the start of its text + @shift. */
static void fill_file(struct tiny_elf *tiny, size_t shift)
{
	tiny_elf__init(tiny);
	memset(tiny->text, 0x90, sizeof(tiny->text));
	memcpy(tiny->text + 0x10 + shift, free_code, sizeof(free_code));
}

static int make_file(const struct tiny_elf *tiny, mode_t mode)
{
	int fd;

	unlink(file);
	fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, tiny, sizeof(*tiny)), sizeof(*tiny));
	assert_int_equal(fchmod(fd, mode), 0);
	return fd;
}

/* Finds the sites of @tiny. Whatever the cache contains, the result is right. */
static bool find_in(const struct tiny_elf *tiny, size_t shift, uint64_t address, bool use_cache,
		    mode_t mode)
{
	_cleanup_(site_set__free) struct site_set set = {};
	_cleanup_close_ int fd = make_file(tiny, mode);
	bool cached;

	assert_int_equal(site_cache__find(&set, fd, 0, use_cache, &cached), 0);
	assert_int_equal(set.cnt, 1);
	assert_int_equal(set.items[0].probe.type, EVENT_FREE);
	assert_int_equal(set.items[0].offset, TINY_TEXT_OFFSET + 0x10 + shift + 21);
	assert_int_equal(set.items[0].address, address + set.items[0].offset);
	assert_true(set.items[0].emulated);
	return cached;
}

static bool find_with_mode(mode_t mode)
{
	struct tiny_elf tiny;

	fill_file(&tiny, 0);
	return find_in(&tiny, 0, TINY_CODE_ADDRESS, true, mode);
}

static bool find(size_t shift, bool use_cache)
{
	struct tiny_elf tiny;

	fill_file(&tiny, shift);
	return find_in(&tiny, shift, TINY_CODE_ADDRESS, use_cache, 0644);
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

/* Same build id, other code. */
static void test_rewritten_code(void **state)
{
	(void)state;
	assert_false(find(0, true));
	assert_false(find(4, true));
	assert_int_equal(visit_entries(NULL), 2);
	assert_true(find(0, true));
	assert_true(find(4, true));
}

/* Same build id and code; only headers place all of it at another address. */
static void test_same_code_at_another_address(void **state)
{
	struct tiny_elf tiny;

	(void)state;
	assert_false(find(0, true));
	fill_file(&tiny, 0);
	for (size_t i = 0; i < TINY_SEGMENT_CNT; i++)
		tiny.segments[i].p_vaddr += 0x1000;
	for (size_t i = 0; i < TINY_SECTION_CNT; i++)
		if (tiny.sections[i].sh_addr)
			tiny.sections[i].sh_addr += 0x1000;
	assert_false(find_in(&tiny, 0, TINY_CODE_ADDRESS + 0x1000, true, 0644));
	assert_true(find_in(&tiny, 0, TINY_CODE_ADDRESS + 0x1000, true, 0644));
	assert_true(find(0, true));
	assert_int_equal(visit_entries(NULL), 2);
}

/* Every byte counts, wherever it is, even if no scan reads it at present. */
static void test_every_byte_counts(void **state)
{
	struct tiny_elf tiny;

	(void)state;
	fill_file(&tiny, 0);
	for (size_t i = 0; i < 3; i++) {
		uint8_t *bytes = (uint8_t *)&tiny;

		bytes[i == 0   ? offsetof(struct tiny_elf, gap1)
		      : i == 1 ? offsetof(struct tiny_elf, data)
			       : offsetof(struct tiny_elf, gap2)] ^= 1;
		assert_false(find_in(&tiny, 0, TINY_CODE_ADDRESS, true, 0644));
	}
	assert_int_equal(visit_entries(NULL), 3);
}

static void test_files_that_others_can_write(void **state)
{
	(void)state;
	assert_false(find_with_mode(0664));
	assert_false(find_with_mode(0646));
	assert_int_equal(visit_entries(NULL), 0);
	assert_false(find_with_mode(0755));
	assert_int_equal(visit_entries(NULL), 1);
	/* Nor is the cached scan of the same bytes used for them. */
	assert_false(find_with_mode(0777));
	assert_true(find_with_mode(0444));
}

/* Such as a memfd, which any process that has it can write. */
static void test_file_without_a_name(void **state)
{
	_cleanup_(site_set__free) struct site_set set = {};
	struct tiny_elf tiny;
	_cleanup_close_ int fd = -1;
	bool cached = true;

	(void)state;
	fill_file(&tiny, 0);
	fd = temp_file__new(&tiny, sizeof(tiny));
	assert_int_equal(site_cache__find(&set, fd, 0, true, &cached), 0);
	assert_int_equal(set.cnt, 1);
	assert_false(cached);
	assert_int_equal(visit_entries(NULL), 0);
}

/* A hole of 64 GiB after the file is not read, and the file is scanned nevertheless. */
static void test_large_file(void **state)
{
	_cleanup_(site_set__free) struct site_set set = {};
	struct tiny_elf tiny;
	_cleanup_close_ int fd = -1;
	bool cached = true;

	(void)state;
	fill_file(&tiny, 0);
	fd = make_file(&tiny, 0644);
	assert_int_equal(ftruncate(fd, 64L << 30), 0);
	assert_int_equal(site_cache__find(&set, fd, 0, true, &cached), 0);
	assert_int_equal(set.cnt, 1);
	assert_false(cached);
	assert_int_equal(visit_entries(NULL), 0);
	site_set__free(&set);
	assert_int_equal(ftruncate(fd, SITE_CACHE_FILE_BYTES_MAX), 0);
	assert_int_equal(site_cache__find(&set, fd, 0, true, &cached), 0);
	assert_int_equal(visit_entries(NULL), 1);
}

static void test_more_code_than_may_be_read(void **state)
{
	struct site_set set = {.cnt = 77};
	struct tiny_elf tiny;
	_cleanup_close_ int fd = -1;
	const uint64_t code_bytes = TINY_TEXT_BYTES + TINY_COLD_BYTES;

	(void)state;
	fill_file(&tiny, 0);
	fd = make_file(&tiny, 0644);
	assert_int_equal(site_cache__find(&set, fd, code_bytes - 1, true, NULL), -EFBIG);
	assert_int_equal(site_cache__find(&set, fd, code_bytes - 1, false, NULL), -EFBIG);
	assert_int_equal(set.cnt, 77);
	assert_int_equal(visit_entries(NULL), 0);
	assert_int_equal(site_cache__find(&set, fd, code_bytes, true, NULL), 0);
	assert_int_equal(set.cnt, 1);
	site_set__free(&set);
}

static void test_no_elf_file(void **state)
{
	_cleanup_close_ int fd = -1;
	struct site_set set = {.cnt = 77};
	struct tiny_elf tiny = {};

	(void)state;
	fd = make_file(&tiny, 0644);
	assert_int_equal(site_cache__find(&set, fd, 0, true, NULL), -ENOEXEC);
	assert_int_equal(set.cnt, 77);
	assert_int_equal(visit_entries(NULL), 0);
}

static void write_entry(const char *path, const char *text)
{
	_cleanup_fclose_ FILE *stream = fopen(path, "w");

	assert_non_null(stream);
	fputs(text, stream);
}

static void damage(const char *path)
{
	write_entry(path, "pyfrag sites 1\nnot a site\n");
}

static void empty(const char *path)
{
	write_entry(path, "");
}

static void replace_by_fifo(const char *path)
{
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
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
	void (*const damages[])(const char *path) = {damage, empty, open_to_others, replace_by_link,
						     replace_by_fifo};

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		assert_false(find(0, true));
		assert_int_equal(visit_entries(damages[i]), 1);
		assert_false(find(0, true));
		/* The entry was repaired. */
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

static void set_age(const char *path, long age_s)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - age_s}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void make_old(const char *path)
{
	set_age(path, SITE_CACHE_AGE_MAX_S - 60);
}

static void assert_is_new(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	assert_true(time(NULL) - status.st_mtim.tv_sec < 86400);
}

/*
 * Entries in use are kept, however old they are; unused ones are removed when something is added.
 */
static void test_use_is_noted(void **state)
{
	(void)state;
	assert_false(find(0, true));
	visit_entries(make_old);
	assert_true(find(0, true));
	visit_entries(assert_is_new);
	visit_entries(make_old);
	assert_false(find(1, true));
	assert_int_equal(visit_entries(NULL), 2);
}

static void make_too_old(const char *path)
{
	set_age(path, SITE_CACHE_AGE_MAX_S + 60);
}

static void test_pruned_when_something_is_added(void **state)
{
	(void)state;
	assert_false(find(0, true));
	visit_entries(make_too_old);
	assert_false(find(1, true));
	assert_int_equal(visit_entries(NULL), 1);
	assert_false(find(0, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_found_again, tear_down),
		cmocka_unit_test_teardown(test_not_asked, tear_down),
		cmocka_unit_test_teardown(test_rewritten_code, tear_down),
		cmocka_unit_test_teardown(test_same_code_at_another_address, tear_down),
		cmocka_unit_test_teardown(test_every_byte_counts, tear_down),
		cmocka_unit_test_teardown(test_files_that_others_can_write, tear_down),
		cmocka_unit_test_teardown(test_file_without_a_name, tear_down),
		cmocka_unit_test_teardown(test_large_file, tear_down),
		cmocka_unit_test_teardown(test_more_code_than_may_be_read, tear_down),
		cmocka_unit_test_teardown(test_no_elf_file, tear_down),
		cmocka_unit_test_teardown(test_use_is_noted, tear_down),
		cmocka_unit_test_teardown(test_pruned_when_something_is_added, tear_down),
		cmocka_unit_test_teardown(test_entries_that_are_not_believed, tear_down),
		cmocka_unit_test_teardown(test_directory_open_to_others, tear_down),
		cmocka_unit_test_teardown(test_no_place_for_a_cache, tear_down),
	};

	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
