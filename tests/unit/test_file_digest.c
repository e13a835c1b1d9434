// SPDX-License-Identifier: BSD-2-Clause
/* Hashes of files, compared with those that FIPS 180-2 publishes. */
#include "util/file_digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "temp_file.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* FIPS 180-2, B.1 and B.3; and the hash of an empty file. */
#define OF_ABC	   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OF_MILLION "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
#define OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define MILLION 1000000UL

static void assert_digest(int fd, const char *expected)
{
	struct file_digest digest;

	assert_int_equal(file_digest__compute(&digest, fd, MILLION, -1), 0);
	assert_string_equal(digest.text, expected);
}

static void test_known_digests(void **state)
{
	_cleanup_free_ char *million = malloc(MILLION);
	_cleanup_close_ int abc_fd = temp_file__new("abc", 3), empty_fd = temp_file__new("", 0);
	_cleanup_close_ int million_fd = -1;

	(void)state;
	assert_non_null(million);
	memset(million, 'a', MILLION);
	million_fd = temp_file__new(million, MILLION);
	assert_digest(empty_fd, OF_NOTHING);
	for (int round = 0; round < 2; round++) { /* wherever the file offset is */
		assert_digest(abc_fd, OF_ABC);
		assert_digest(million_fd, OF_MILLION);
	}
}

static void test_copy(void **state)
{
	_cleanup_close_ int fd = temp_file__new("abc", 3), copy_fd = temp_file__new("", 0);
	struct file_digest digest;
	char copy[8];

	(void)state;
	assert_int_equal(file_digest__compute(&digest, fd, MILLION, copy_fd), 0);
	assert_string_equal(digest.text, OF_ABC);
	assert_int_equal(pread(copy_fd, copy, sizeof(copy), 0), 3);
	assert_memory_equal(copy, "abc", 3);
}

/* The size alone suffices to refuse it: nothing is read. */
static void test_too_large(void **state)
{
	struct file_digest digest = {.text = "before"};
	_cleanup_close_ int fd = temp_file__new("abc", 3), copy_fd = temp_file__new("", 0);

	(void)state;
	assert_int_equal(file_digest__compute(&digest, fd, 2, -1), -EFBIG);
	assert_int_equal(ftruncate(fd, 64L << 30), 0);
	assert_int_equal(file_digest__compute(&digest, fd, MILLION, copy_fd), -EFBIG);
	assert_int_equal(lseek(copy_fd, 0, SEEK_END), 0);
	assert_string_equal(digest.text, "before");
}

static void test_no_regular_file(void **state)
{
	_cleanup_close_ int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	struct file_digest digest;

	(void)state;
	assert_int_equal(file_digest__compute(&digest, fd, MILLION, -1), -EINVAL);
	assert_int_equal(file_digest__compute(&digest, -1, MILLION, -1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_digests),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_no_regular_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
