// SPDX-License-Identifier: BSD-2-Clause
/* Scans cached in memory. Runs as nobody if started as root, with no cache on disk. */
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
	int fd;
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
	python->fd = temp_file__new(&tiny, sizeof(tiny));
	assert_int_equal(fchmod(python->fd, 0600), 0);
	python->offset = TINY_TEXT_OFFSET + 0x10 + shift + 21;
}

/* Whether the scan of @python came from the cache. Its result is right in either case. */
static bool find(const struct python *python, bool use_cache)
{
	_cleanup_(site_set__free) struct site_set set = {};
	bool remembered;

	assert_int_equal(site_memo__find(&set, python->fd, 0, use_cache, &remembered), 0);
	assert_int_equal(set.cnt, 1);
	assert_int_equal(set.items[0].offset, python->offset);
	return remembered;
}

static void test_a_file_is_scanned_once(void **state)
{
	struct python one, other;

	(void)state;
	open_python(&one, 0);
	open_python(&other, 4);
	assert_false(find(&one, true));
	assert_true(find(&one, true));
	assert_false(find(&other, true));
	assert_true(find(&one, true));
	/* Unless the cache is disabled. */
	assert_false(find(&one, false));
	close(one.fd);
	close(other.fd);
}

static void test_a_changed_file_is_another(void **state)
{
	struct python one;

	(void)state;
	open_python(&one, 0);
	assert_false(find(&one, true));
	assert_int_equal(pwrite(one.fd, "x", 1, sizeof(struct tiny_elf)), 1);
	assert_false(find(&one, true));
	close(one.fd);
}

static void test_what_others_can_write_is_not_remembered(void **state)
{
	static const mode_t modes[] = {0620, 0602, 0666};
	struct python one;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		open_python(&one, 0);
		assert_int_equal(fchmod(one.fd, modes[i]), 0);
		assert_false(find(&one, true));
		assert_false(find(&one, true));
		close(one.fd);
	}
}

static void test_so_many_are_remembered(void **state)
{
	struct python pythons[40];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pythons); i++) {
		open_python(&pythons[i], 0);
		assert_false(find(&pythons[i], true));
		/* Entries in use are kept. */
		assert_true(find(&pythons[0], true));
	}
	assert_true(find(&pythons[39], true));
	assert_false(find(&pythons[1], true));
	for (size_t i = 0; i < ARRAY_SIZE(pythons); i++)
		close(pythons[i].fd);
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
