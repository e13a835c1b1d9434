// SPDX-License-Identifier: BSD-2-Clause
#include "target/smaps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit_test.h"
#include "util/cleanup.h"

static int parse(struct smaps *out, const char *text)
{
	_cleanup_fclose_ FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(file);
	return smaps__parse(out, file);
}

#define HEAD "7f00000000-7f00400000 rw-p 00000000 00:00 0 [anon:pool]\n"

static void test_fields(void **state)
{
	_cleanup_(smaps__release) struct smaps smaps = {};

	(void)state;
	assert_int_equal(parse(&smaps,
			       HEAD "Size: 4096 kB\nRss: 100 kB\nPss: 60 kB\n"
				    "Shared_Clean: 1 kB\nShared_Dirty: 2 kB\n"
				    "Private_Clean: 3 kB\nPrivate_Dirty: 94 kB\n"
				    "AnonHugePages: 2048 kB\nShmemPmdMapped: 4 kB\n"
				    "Shared_Hugetlb: 8 kB\nPrivate_Hugetlb: 16 kB\n"
				    "Swap: 7 kB\nSwapPss: 5 kB\nTHPeligible: 1\n"
				    "VmFlags: rd wr\n"
				    "7f00400000-7f00401000 r--p 00000000 00:00 0\nRss: 4 kB\n"),
			 0);
	assert_int_equal(smaps.mappings.cnt, 2);
	assert_string_equal(smaps.mappings.items[0].path, "[anon:pool]");
	assert_int_equal(smaps.usages[0].resident_bytes, 100 << 10);
	assert_int_equal(smaps.usages[0].shared_clean_bytes, 1 << 10);
	assert_int_equal(smaps.usages[0].shared_dirty_bytes, 2 << 10);
	assert_int_equal(smaps.usages[0].private_clean_bytes, 3 << 10);
	assert_int_equal(smaps.usages[0].private_dirty_bytes, 94 << 10);
	assert_int_equal(smaps.usages[0].huge_bytes, 2052 << 10);
	assert_int_equal(smaps.usages[0].hugetlb_bytes, 24 << 10);
	assert_int_equal(smaps.usages[0].swap_bytes, 7 << 10);
	assert_int_equal(smaps.usages[1].resident_bytes, 4 << 10);
	assert_int_equal(smaps.usages[1].swap_bytes, 0);
	assert_true(smaps.has_swap);
}

/* What is swapped out is unknown then, not 0. */
static void test_kernel_without_swap(void **state)
{
	_cleanup_(smaps__release) struct smaps smaps = {};

	(void)state;
	assert_int_equal(parse(&smaps, HEAD "Rss: 100 kB\nSwapPss: 5 kB\n"), 0);
	assert_false(smaps.has_swap);
}

static void test_malformed(void **state)
{
	struct smaps smaps = {};

	(void)state;
	assert_int_equal(parse(&smaps, "Rss: 100 kB\n"), -EIO);
	assert_int_equal(parse(&smaps, "nonsense\n"), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_kernel_without_swap),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
