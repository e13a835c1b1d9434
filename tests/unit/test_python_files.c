// SPDX-License-Identifier: BSD-2-Clause
/* Files that this test creates, and maps in ways that say nothing about their content. */
#include "host/python_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/executable_files.h"
#include "target/live.h"
#include "temp_file.h"
#include "tiny_elf.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define PAGE 4096UL

static struct target *open_self(process_owner owner)
{
	struct target *target = NULL;
	struct failure failure;

	assert_int_equal(live__open(&target, getpid(), &failure), 0);
	target->owner = owner;
	return target;
}

/* A file with one symbol of that name. */
static int new_file(const char *name)
{
	struct tiny_elf tiny;
	int fd;

	tiny_elf__init(&tiny);
	snprintf(tiny.strings + tiny.symbols[TINY_SYMBOL_MAIN].st_name, sizeof(tiny.strings), "%s",
		 name);
	tiny.symbols[TINY_SYMBOL_VARIABLE].st_value = 0;
	fd = temp_file__new(&tiny, sizeof(tiny));
	return fd;
}

static void *map_executable(int fd)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	if (page == MAP_FAILED) {
		print_message("skipped: mounted noexec\n");
		skip();
	}
	return page;
}

static bool finds_python(struct python_files *files, process_owner owner)
{
	_cleanup_(target__freep) struct target *target = open_self(owner);
	bool is_python;

	assert_int_equal(python_files__find(files, target, &is_python), 0);
	return is_python;
}

/* The mapped page is at no segment's offset (hostile/blind.c): the file's content counts. */
static void test_the_content_decides(void **state)
{
	_cleanup_close_ int other = new_file("PyObject_Mallox"),
			    python = new_file("PyObject_Malloc");
	struct python_files *files;
	void *page;

	(void)state;
	assert_int_equal(python_files__new(&files, PYTHON_FILES_BYTES_MAX), 0);
	page = map_executable(other);
	assert_false(finds_python(files, 1000));
	munmap(page, PAGE);
	page = map_executable(python);
	assert_true(finds_python(files, 1000));
	munmap(page, PAGE);
	python_files__free(files);
}

/* A file that becomes a Python counts as one, whatever it was before. */
static void test_a_file_that_changes(void **state)
{
	_cleanup_close_ int fd = new_file("PyObject_Mallox"), python = new_file("PyObject_Malloc");
	struct python_files *files;
	struct tiny_elf tiny;
	void *page = map_executable(fd);

	(void)state;
	assert_int_equal(python_files__new(&files, PYTHON_FILES_BYTES_MAX), 0);
	assert_false(finds_python(files, 1000));
	assert_int_equal(pread(python, &tiny, sizeof(tiny), 0), sizeof(tiny));
	assert_int_equal(pwrite(fd, &tiny, sizeof(tiny), 0), sizeof(tiny));
	assert_true(finds_python(files, 1000));
	munmap(page, PAGE);
	python_files__free(files);
}

/* More users than are remembered: repeating the query gives the same result. */
static void test_many_users(void **state)
{
	struct python_files *files;

	(void)state;
	assert_int_equal(python_files__new(&files, PYTHON_FILES_BYTES_MAX), 0);
	for (process_owner owner = 0; owner < 3 * PYTHON_FILES_USERS_MAX; owner++)
		assert_false(finds_python(files, owner));
	for (process_owner owner = 0; owner < 3 * PYTHON_FILES_USERS_MAX; owner++)
		assert_false(finds_python(files, owner));
	python_files__free(files);
}

/* Files beyond the limit are counted. */
static void test_very_many_files(void **state)
{
	static void *pages[EXECUTABLE_FILES_MAX + 100];
	struct python_files *files;

	(void)state;
	assert_int_equal(python_files__new(&files, PYTHON_FILES_BYTES_MAX), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		_cleanup_close_ int fd = memfd_create("one", MFD_CLOEXEC);

		assert_int_equal(ftruncate(fd, PAGE), 0);
		pages[i] = map_executable(fd);
	}
	assert_false(finds_python(files, 1000));
	assert_true(python_files__left_out_cnt(files) >= 100);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		munmap(pages[i], PAGE);
	python_files__free(files);
}

/*
 * Whether a process with only these files is a Python, if at most that many bytes of them may be
 * read.
 */
static bool finds_among(void *const *pages, size_t cnt, uint64_t bytes_max, uint64_t *left_out)
{
	_cleanup_(target__freep) struct target *target = open_self(1000);
	struct target with_these = *target;
	struct python_files *files;
	struct mapping maps[2];
	bool is_python;

	for (size_t i = 0; i < cnt; i++)
		maps[i] = *target__find_mapping(target, (uintptr_t)pages[i]);
	with_these.maps = maps;
	with_these.map_cnt = cnt;
	assert_int_equal(python_files__new(&files, bytes_max), 0);
	assert_int_equal(python_files__find(files, &with_these, &is_python), 0);
	*left_out = python_files__left_out_cnt(files);
	python_files__free(files);
	return is_python;
}

/* All files of a process share one limit; files beyond it are counted. */
static void test_very_large_files(void **state)
{
	_cleanup_close_ int other = new_file("PyObject_Mallox"),
			    python = new_file("PyObject_Malloc");
	void *pages[] = {map_executable(other), map_executable(python)};
	uint64_t enough = 0, left_out;

	(void)state;
	while (!finds_among(&pages[1], 1, enough, &left_out)) {
		assert_int_equal(left_out, 1);
		assert_true(++enough < sizeof(struct tiny_elf));
	}
	assert_int_equal(left_out, 0);
	assert_false(finds_among(pages, 2, enough, &left_out));
	assert_int_equal(left_out, 1);
	assert_true(finds_among(pages, 2, 2 * enough, &left_out));
	assert_int_equal(left_out, 0);
	munmap(pages[0], PAGE);
	munmap(pages[1], PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_content_decides),
		cmocka_unit_test(test_a_file_that_changes),
		cmocka_unit_test(test_many_users),
		cmocka_unit_test(test_very_many_files),
		cmocka_unit_test(test_very_large_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
