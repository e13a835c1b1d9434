// SPDX-License-Identifier: BSD-2-Clause
/*
 * The extents of functions, by hand; and that every address of a section belongs to one piece of
 * bounded length, whose scan does not depend on the caller.
 */
#include "probes/function_scan.h"

#include <stdlib.h>
#include <string.h>

#include "unit_test.h"
#include "util/cleanup.h"

#define CODE 0x1000UL
#define SIZE 0x100UL

static const uint64_t starts[] = {0x800, 0x1010, 0x1010, 0x1020, 0x1080, 0x1100, 0x2000};

static const struct elf_code code = {.address = CODE, .size = SIZE};

static void assert_extent(uint64_t address, uint64_t start, uint64_t end)
{
	struct function_extent extent =
		function_extent__of(&code, starts, ARRAY_SIZE(starts), address);

	assert_int_equal(extent.start, start);
	assert_int_equal(extent.end, end);
}

static void test_between_starts(void **state)
{
	(void)state;
	assert_extent(0x1000, 0x1000, 0x1010); /* begins in another section */
	assert_extent(0x100f, 0x1000, 0x1010);
	assert_extent(0x1010, 0x1010, 0x1020);
	assert_extent(0x101f, 0x1010, 0x1020);
	assert_extent(0x1020, 0x1020, 0x1080);
	assert_extent(0x1080, 0x1080, 0x1100);
	assert_extent(0x10ff, 0x1080, 0x1100);
}

static void test_without_starts(void **state)
{
	struct function_extent extent = function_extent__of(&code, NULL, 0, CODE + 7);

	(void)state;
	assert_int_equal(extent.start, CODE);
	assert_int_equal(extent.end, CODE + SIZE);
}

static void test_long_functions_are_cut(void **state)
{
	const struct elf_code large = {.address = CODE, .size = 3 * FUNCTION_BYTES_MAX + 5};
	const uint64_t second = CODE + FUNCTION_BYTES_MAX + 100;
	uint64_t at = CODE;
	size_t pieces = 0;

	(void)state;
	while (at < large.address + large.size) {
		struct function_extent extent = function_extent__of(&large, &second, 1, at);
		struct function_extent last =
			function_extent__of(&large, &second, 1, extent.end - 1);

		assert_int_equal(extent.start, at);
		assert_int_equal(last.start, at);
		assert_int_equal(last.end, extent.end);
		assert_true(extent.end > at && extent.end - at <= FUNCTION_BYTES_MAX);
		at = extent.end;
		pieces++;
	}
	assert_int_equal(at, large.address + large.size);
	assert_int_equal(pieces, 4);
}

static int count(const struct shape_site *site, void *context)
{
	size_t *cnt = context;

	assert_int_equal(site->site.type, EVENT_FREE);
	(*cnt)++;
	return 0;
}

static void test_scan(void **state)
{
	/* recordings/code/debian12-free.txt, from 5009df on. */
	static const uint8_t free_code[] = {
		0x48, 0x8b, 0x56, 0x08, 0x48, 0x89, 0x17, 0x8b, 0x06, 0x48, 0x89, 0x7e,
		0x08, 0x83, 0xe8, 0x01, 0x89, 0x06, 0x48, 0x85, 0xd2, 0x74, 0x0a,
	};
	_cleanup_(function_scanner__freep) struct function_scanner *scanner = NULL;
	const struct insn *insns;
	size_t cnt, sites = 0;

	(void)state;
	assert_int_equal(function_scanner__new(&scanner, &arch_x86_64), 0);
	for (int round = 1; round <= 2; round++) {
		assert_int_equal(function_scanner__scan(scanner, free_code, sizeof(free_code), CODE,
							count, &sites),
				 0);
		assert_int_equal(sites, round);
		insns = function_scanner__insns(scanner, &cnt);
		assert_int_equal(cnt, 8);
		assert_int_equal(insns[0].address, CODE);
		assert_int_equal(insns[7].address, CODE + 21);
	}
	assert_int_equal(function_scanner__scan(scanner, free_code, 0, CODE, count, &sites), 0);
	function_scanner__insns(scanner, &cnt);
	assert_int_equal(cnt, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_between_starts),
		cmocka_unit_test(test_without_starts),
		cmocka_unit_test(test_long_functions_are_cut),
		cmocka_unit_test(test_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
