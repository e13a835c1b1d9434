// SPDX-License-Identifier: BSD-2-Clause
/*
 * Scans that a process remembers. What is remembered is seen by this: a file's scan is asked for with the ELF file of another
 * one, which has its site elsewhere. Runs as nobody where it was started as root, with no cache on disk.
 */
#include "probes/site_memo.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temp_file.h"
#include "tiny_elf.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define NOBODY 65534

static const uint8_t free_code[] = {
	0x48, 0x8b, 0x56, 0x08, 0x48, 0x89, 0x17, 0x8b, 0x06, 0x48, 0x89, 0x7e,
	0x08, 0x83, 0xe8, 0x01, 0x89, 0x06, 0x48, 0x85, 0xd2, 0x74, 0x0a,
};

/* A file with one free in it, at the start of its text + @shift. */
struct python {
	struct module module;
	uint64_t offset; /* of its site */
};

static int set_up_group(void **state)
{
	(void)state;
	if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY))
		return -1;
	unsetenv("HOME");
	return unsetenv("XDG_CACHE_HOME");
}

static void open_python(struct python *python, size_t shift)
{
	struct tiny_elf tiny;

	tiny_elf__init(&tiny);
	memset(tiny.text, 0x90, sizeof(tiny.text));
	memcpy(tiny.text + 0x10 + shift, free_code, sizeof(free_code));
	python->module = (struct module){.fd = temp_file__new(&tiny, sizeof(tiny))};
	assert_int_equal(fchmod(python->module.fd, 0600), 0);
	python->offset = TINY_TEXT_OFFSET + 0x10 + shift + 21;
	assert_int_equal(elf_file__open(&python->module.elf, python->module.fd), 0);
}

static void close_python(struct python *python)
{
	elf_file__free(python->module.elf);
	close(python->module.fd);
}

/* Where the site of @file is, found by the ELF file of @elf if it is not remembered. */
static uint64_t find(const struct python *file, const struct python *elf, bool use_cache)
{
	const struct module module = {.fd = file->module.fd, .elf = elf->module.elf};
	_cleanup_(site_set__free) struct site_set set = {};

	assert_int_equal(site_memo__find(&set, &module, use_cache), 0);
	assert_int_equal(set.cnt, 1);
	return set.items[0].offset;
}

static void test_a_file_is_scanned_once(void **state)
{
	struct python one, other;

	(void)state;
	open_python(&one, 0);
	open_python(&other, 4);
	assert_int_equal(find(&one, &one, true), one.offset);
	assert_int_equal(find(&one, &other, true), one.offset);
	assert_int_equal(find(&other, &other, true), other.offset);
	assert_int_equal(find(&one, &other, true), one.offset);
	/* Unless it is not wanted. */
	assert_int_equal(find(&one, &other, false), other.offset);
	close_python(&one);
	close_python(&other);
}

static void test_a_changed_file_is_another(void **state)
{
	struct python one, other;

	(void)state;
	open_python(&one, 0);
	open_python(&other, 4);
	assert_int_equal(find(&one, &one, true), one.offset);
	assert_int_equal(pwrite(one.module.fd, "x", 1, sizeof(struct tiny_elf)), 1);
	assert_int_equal(find(&one, &other, true), other.offset);
	close_python(&one);
	close_python(&other);
}

static void test_what_others_can_write_is_not_remembered(void **state)
{
	static const mode_t modes[] = {0620, 0602, 0666};
	struct python one, other;

	(void)state;
	open_python(&other, 4);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		open_python(&one, 0);
		assert_int_equal(fchmod(one.module.fd, modes[i]), 0);
		assert_int_equal(find(&one, &one, true), one.offset);
		assert_int_equal(find(&one, &other, true), other.offset);
		close_python(&one);
	}
	close_python(&other);
}

static void test_so_many_are_remembered(void **state)
{
	struct python pythons[40], other;

	(void)state;
	open_python(&other, 4);
	for (size_t i = 0; i < ARRAY_SIZE(pythons); i++) {
		open_python(&pythons[i], 0);
		find(&pythons[i], &pythons[i], true);
		/* What is in use stays. */
		assert_int_equal(find(&pythons[0], &other, true), pythons[0].offset);
	}
	assert_int_equal(find(&pythons[39], &other, true), pythons[39].offset);
	assert_int_equal(find(&pythons[1], &other, true), other.offset);
	for (size_t i = 0; i < ARRAY_SIZE(pythons); i++)
		close_python(&pythons[i]);
	close_python(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_is_scanned_once),
		cmocka_unit_test(test_a_changed_file_is_another),
		cmocka_unit_test(test_what_others_can_write_is_not_remembered),
		cmocka_unit_test(test_so_many_are_remembered),
	};

	return cmocka_run_group_tests(tests, set_up_group, NULL);
}
