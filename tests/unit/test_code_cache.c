// SPDX-License-Identifier: BSD-2-Clause
#include "stacks/code_cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_code.h"
#include "unit_test.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

#define CODE	  0x7f0000010000UL
#define AMPLE	  (64UL << 20)
#define EMPTY_MAX 2048 /* memory of an empty cache */
#define NS_PER_S  1000000000UL

static const struct fake_code one = {"one", "Site.one", "/srv/site.py", 40, 7};
static const struct fake_code two = {"two", "Site.two", "/srv/site.py", 90, 3};

struct fixture {
	struct fake_memory memory;
	struct account *account;
	struct code_cache *cache;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fake_memory__init(&fixture->memory);
	assert_int_equal(account__new(&fixture->account, UINT64_MAX, NULL), 0);
	fixture->memory.memory.account = fixture->account;
	fake_code__map_type(&fixture->memory);
	fake_code__map(&fixture->memory, CODE, &one);
	assert_int_equal(code_cache__new(&fixture->cache, &FAKE_OFFSETS, fixture->account, AMPLE),
			 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	code_cache__free(fixture->cache);
	fake_memory__release(&fixture->memory);
	account__close(fixture->account);
	free(fixture);
	return 0;
}

static void use_cache_of(struct fixture *fixture, size_t bytes_max)
{
	code_cache__free(fixture->cache);
	assert_int_equal(code_cache__new(&fixture->cache, &FAKE_OFFSETS, fixture->account,
					 bytes_max),
			 0);
}

/*
 * The memory that the cache has allocated. The cache's own sums are estimates: they do not include
 * malloc's overhead for small pieces, nor the one object that it returns without keeping it.
 */
static uint64_t used_bytes(const struct fixture *fixture)
{
	return account__usage(fixture->account).used_bytes;
}

static const struct code_object *get(struct fixture *fixture, uint64_t address)
{
	const struct code_object *code;

	assert_int_equal(code_cache__get(fixture->cache, &fixture->memory.memory, address, &code),
			 0);
	assert_int_equal(code->address, address);
	return code;
}

static void check_refused(struct fixture *fixture, uint64_t address, int err)
{
	const struct code_object *code = (const struct code_object *)-1;

	assert_int_equal(code_cache__get(fixture->cache, &fixture->memory.memory, address, &code),
			 err);
	assert_ptr_equal(code, (const struct code_object *)-1);
}

static void check_counts(struct fixture *fixture, uint64_t named, uint64_t gone, uint64_t changed,
			 uint64_t unkept)
{
	const struct code_cache_counts *counts = code_cache__counts(fixture->cache);

	assert_int_equal(counts->named, named);
	assert_int_equal(counts->gone, gone);
	assert_int_equal(counts->changed, changed);
	assert_int_equal(counts->unkept, unkept);
}

static void test_reads_once(void **state)
{
	struct fixture *fixture = *state;
	const struct code_object *code = get(fixture, CODE);
	uint64_t calls = fixture->memory.call_cnt;

	assert_string_equal(code->qualname, "Site.one");
	assert_ptr_equal(get(fixture, CODE), code);
	assert_int_equal(fixture->memory.call_cnt, calls);
	check_counts(fixture, 1, 0, 0, 0);
}

static void test_looks_once_a_round(void **state)
{
	struct fixture *fixture = *state;
	const struct code_object *code = get(fixture, CODE);
	uint64_t calls = fixture->memory.call_cnt;

	code_cache__begin_round(fixture->cache);
	assert_ptr_equal(get(fixture, CODE), code);
	assert_ptr_equal(get(fixture, CODE), code);
	assert_int_equal(fixture->memory.call_cnt, calls + 1);
	check_counts(fixture, 1, 0, 0, 0);
}

static void test_another_at_the_address(void **state)
{
	struct fixture *fixture = *state;
	size_t used;

	get(fixture, CODE);
	used = used_bytes(fixture);
	fake_code__rewrite(&fixture->memory, CODE, &two);
	assert_string_equal(get(fixture, CODE)->name, "one");
	code_cache__begin_round(fixture->cache);
	assert_string_equal(get(fixture, CODE)->name, "two");
	assert_int_equal(used_bytes(fixture), used);
	check_counts(fixture, 2, 0, 1, 0);
}

static void test_remembers_what_is_gone(void **state)
{
	struct fixture *fixture = *state;
	uint64_t calls;

	get(fixture, CODE);
	fake_memory__unmap(&fixture->memory, CODE);
	code_cache__begin_round(fixture->cache);
	check_refused(fixture, CODE, -EFAULT);
	calls = fixture->memory.call_cnt;
	check_refused(fixture, CODE, -EFAULT);
	assert_int_equal(fixture->memory.call_cnt, calls);
	check_counts(fixture, 1, 1, 0, 0);
	/* In the next round there may be a code object again. */
	fake_code__map(&fixture->memory, CODE, &two);
	check_refused(fixture, CODE, -EFAULT);
	code_cache__begin_round(fixture->cache);
	assert_string_equal(get(fixture, CODE)->name, "two");
	check_counts(fixture, 2, 1, 0, 0);
}

static void test_never_was_code(void **state)
{
	struct fixture *fixture = *state;

	check_refused(fixture, 0, -EINVAL);
	check_refused(fixture, 8, -EFAULT);
	*fake_memory__word(&fixture->memory, CODE + FAKE_OFFSETS.code_name) = CODE;
	check_refused(fixture, CODE, -EINVAL);
	check_counts(fixture, 0, 2, 0, 0);
	*fake_memory__word(&fixture->memory, CODE + FAKE_OFFSETS.object_type) = 0;
	check_refused(fixture, CODE, -EINVAL);
	check_counts(fixture, 0, 2, 0, 0);
}

static void test_errors_of_the_process_are_not_remembered(void **state)
{
	struct fixture *fixture = *state;

	fixture->memory.error = -EPERM;
	check_refused(fixture, CODE, -EPERM);
	check_counts(fixture, 0, 0, 0, 0);
	fixture->memory.error = 0;
	get(fixture, CODE);
	code_cache__begin_round(fixture->cache);
	fixture->memory.error = -ESRCH;
	check_refused(fixture, CODE, -ESRCH);
	check_refused(fixture, CODE, -ESRCH);
	fixture->memory.error = 0;
	assert_string_equal(get(fixture, CODE)->name, "one");
	check_counts(fixture, 1, 0, 0, 0);
	/* Nor if it appears after the address is known to contain something else. */
	fake_code__rewrite(&fixture->memory, CODE, &two);
	code_cache__begin_round(fixture->cache);
	assert_string_equal(get(fixture, CODE)->name, "two");
}

static void map_many(struct fixture *fixture, size_t cnt)
{
	for (size_t i = 1; i < cnt; i++) {
		char name[16];
		struct fake_code code = {name, name, "/srv/many.py", (int32_t)i, 1};

		snprintf(name, sizeof(name), "f%zu", i);
		fake_code__map(&fixture->memory, CODE + i * FAKE_CODE_BYTES, &code);
	}
}

static void test_many(void **state)
{
	struct fixture *fixture = *state;
	const struct code_object *codes[500];

	map_many(fixture, ARRAY_SIZE(codes));
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		codes[i] = get(fixture, CODE + i * FAKE_CODE_BYTES);
	for (size_t i = 1; i < ARRAY_SIZE(codes); i++) {
		assert_ptr_equal(get(fixture, CODE + i * FAKE_CODE_BYTES), codes[i]);
		assert_int_equal(codes[i]->identity.first_line, i);
	}
	check_counts(fixture, ARRAY_SIZE(codes), 0, 0, 0);
}

/* Code objects that do not fit are still named, and read each time. */
static void test_full(void **state)
{
	struct fixture *fixture = *state;
	size_t kept, limit = EMPTY_MAX + 20 * 256;

	map_many(fixture, 100);
	use_cache_of(fixture, limit);
	for (int round = 0; round < 2; round++)
		for (size_t i = 1; i < 100; i++) {
			char name[16];

			snprintf(name, sizeof(name), "f%zu", i);
			assert_string_equal(get(fixture, CODE + i * FAKE_CODE_BYTES)->name, name);
			assert_true(used_bytes(fixture) <= 2 * limit);
		}
	kept = 99 - code_cache__counts(fixture->cache)->unkept / 2;
	assert_true(kept > 10 && kept < 40);
	check_counts(fixture, 99 + 99 - kept, 0, 0, 2 * (99 - kept));
}

/* Only entries that were not requested in this round are evicted. */
static void test_old_ones_make_room(void **state)
{
	struct fixture *fixture = *state;
	size_t limit = EMPTY_MAX + 20 * 256;

	map_many(fixture, 100);
	use_cache_of(fixture, limit);
	for (int round = 0; round < 3; round++)
		for (size_t i = 2; i < 100; i++) {
			const struct code_object *last, *current;

			code_cache__begin_round(fixture->cache);
			last = get(fixture, CODE + (i - 1) * FAKE_CODE_BYTES);
			current = get(fixture, CODE + i * FAKE_CODE_BYTES);
			assert_int_equal(last->identity.first_line, i - 1);
			assert_int_equal(current->identity.first_line, i);
			assert_true(used_bytes(fixture) <= 2 * limit);
		}
	assert_int_equal(code_cache__counts(fixture->cache)->unkept, 0);
	/* Nor do addresses without a code object, round after round. */
	for (uint64_t i = 1; i < 10000; i++) {
		code_cache__begin_round(fixture->cache);
		check_refused(fixture, i * 8, -EFAULT);
	}
	get(fixture, CODE + FAKE_CODE_BYTES);
	assert_int_equal(code_cache__counts(fixture->cache)->unkept, 0);
	assert_true(used_bytes(fixture) <= 2 * limit);
}

/* Addresses without a code object take room, too. */
static void test_full_of_nothing(void **state)
{
	struct fixture *fixture = *state;

	use_cache_of(fixture, EMPTY_MAX + 4096);
	for (uint64_t i = 1; i < 10000; i++) {
		check_refused(fixture, i * 8, -EFAULT);
		assert_true(used_bytes(fixture) <= 2 * (EMPTY_MAX + 4096));
	}
	assert_true(used_bytes(fixture) > EMPTY_MAX);
	check_counts(fixture, 0, 9999, 0, 0);
	assert_string_equal(get(fixture, CODE)->name, "one");
	check_counts(fixture, 1, 9999, 0, 1);
}

/*
 * A process can show more addresses in one round than there is room for. None of them may take
 * longer than reading it. If each searched the whole table, as it once did, all together would take
 * half a minute instead of some milliseconds.
 */
static void test_full_of_one_round(void **state)
{
	struct fixture *fixture = *state;

	use_cache_of(fixture, 4UL << 20);
	cpu_allowance__begin(5 * NS_PER_S);
	for (uint64_t i = 1; i <= 120000; i++)
		check_refused(fixture, i * 8, -EFAULT);
	assert_int_equal(cpu_allowance__end(), 0);
	assert_true(used_bytes(fixture) <= 4UL << 20);
	/* The next round may evict them. */
	code_cache__begin_round(fixture->cache);
	get(fixture, CODE);
	check_counts(fixture, 1, 120000, 0, 0);
}

static void test_no_room_at_all(void **state)
{
	struct fixture *fixture = *state;

	use_cache_of(fixture, 0);
	assert_true(used_bytes(fixture) <= 2 * EMPTY_MAX);
	for (int i = 0; i < 3; i++)
		assert_string_equal(get(fixture, CODE)->name, "one");
	check_counts(fixture, 3, 0, 0, 3);
}

/* An entry whose code object has changed, when there is no room for the new one. */
static void test_full_and_changed(void **state)
{
	struct fixture *fixture = *state;
	char name[700];
	struct fake_code longer = {name, name, name, 1, 1};

	use_cache_of(fixture, EMPTY_MAX + 512);
	get(fixture, CODE);
	check_counts(fixture, 1, 0, 0, 0);
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i < sizeof(name) - 1 ? 'x' : '\0';
	fake_code__rewrite(&fixture->memory, CODE, &longer);
	for (uint64_t i = 1; i < 3; i++) {
		code_cache__begin_round(fixture->cache);
		assert_int_equal(get(fixture, CODE)->identity.first_line, 1);
		check_counts(fixture, 1 + i, 0, 1, i);
	}
	assert_true(used_bytes(fixture) <= 2 * EMPTY_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reads_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_looks_once_a_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_at_the_address, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_remembers_what_is_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_never_was_code, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_errors_of_the_process_are_not_remembered,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_old_ones_make_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_of_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_of_one_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_room_at_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_and_changed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
