// SPDX-License-Identifier: BSD-2-Clause
#include "census/object_layout.h"

#include <string.h>

#include "census/type.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define GC	TYPE_HAVE_GC
#define MANAGED (TYPE_HAVE_GC | TYPE_MANAGED_DICT)

/* sizeof(PyGC_Head) and _PyType_PreHeaderSize() in builds of these versions. */
static const struct {
	int major, minor;
	uint32_t alignment;
	uint32_t plain, gc, managed, managed_weakref;
} versions[] = {
	{2, 7, 16, 0, 32, 32, 0},  {3, 6, 16, 0, 32, 32, 0},   {3, 7, 8, 0, 24, 24, 0},
	{3, 7, 16, 0, 32, 32, 0},  {3, 8, 16, 0, 16, 16, 0},   {3, 10, 16, 0, 16, 16, 0},
	{3, 11, 16, 0, 16, 32, 0}, {3, 12, 16, 0, 16, 32, 16}, {3, 15, 16, 0, 16, 32, 16},
};

static void test_offsets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		for (uint32_t hooks = 0; hooks < 2; hooks++) {
			struct object_layout layout =
				object_layout__of_version(versions[i].major, versions[i].minor,
							  versions[i].alignment, hooks);
			uint32_t before = hooks * 16;

			assert_int_equal(object_layout__object_offset(&layout, 0),
					 before + versions[i].plain);
			assert_int_equal(object_layout__object_offset(&layout, GC),
					 before + versions[i].gc);
			assert_int_equal(object_layout__object_offset(&layout, MANAGED),
					 before + versions[i].managed);
			assert_int_equal(object_layout__object_offset(&layout,
								      TYPE_MANAGED_WEAKREF),
					 before + versions[i].managed_weakref);
			assert_int_equal(layout.dict_has_table, versions[i].major == 2);
		}
}

static bool is_tracked(int major, int minor, uint64_t first, uint64_t second, int64_t third)
{
	struct object_layout layout = object_layout__of_version(major, minor, 16, false);
	uint64_t words[3] = {first, second, (uint64_t)third};

	return object_layout__is_tracked(&layout, (const uint8_t *)words);
}

static void test_tracked(void **state)
{
	(void)state;
	/*
	 * gc_refs: -2 is untracked, -3 reachable; shifted by one bit from 3.4 on, whatever that bit
	 * is.
	 */
	assert_false(is_tracked(2, 7, 1, 1, -2));
	assert_true(is_tracked(2, 7, 1, 1, -3));
	assert_false(is_tracked(3, 6, 1, 1, -4));
	assert_false(is_tracked(3, 7, 1, 1, -3));
	assert_true(is_tracked(3, 7, 1, 1, -6));
	/* _gc_next. */
	assert_false(is_tracked(3, 8, 0, 1, 7));
	assert_true(is_tracked(3, 14, 0x7f0000000010, 0, 0));
}

static void test_reference_counts(void **state)
{
	struct object_layout old = object_layout__of_version(3, 11, 16, false);
	struct object_layout split = object_layout__of_version(3, 14, 16, false);

	(void)state;
	assert_true(object_layout__is_refcnt(&old, 0));
	assert_true(object_layout__is_refcnt(&old, 0xffffffff));
	assert_false(object_layout__is_refcnt(&old, 0x7f1234567890));
	/*
	 * Flags above, a count below, and in between the bits into which the count would overflow,
	 * which never happens.
	 */
	assert_true(object_layout__is_refcnt(&split, 0x0004000000000001));
	assert_true(object_layout__is_refcnt(&split, 0xe0000000));
	assert_false(object_layout__is_refcnt(&split, 0x7f1234567890));
	assert_int_equal(0x0004000000000007 & split.refcnt_bits, 7);
}

static void test_collectors_head(void **state)
{
	struct object_layout layout = object_layout__of_version(3, 8, 16, false);
	const uint64_t good[] = {0x7f0000000010, 0x7f0000000023}, bad[] = {0x0607080000000000, 0};

	(void)state;
	assert_true(object_layout__is_gc_head(&layout, (const uint8_t *)good));
	assert_false(object_layout__is_gc_head(&layout, (const uint8_t *)bad));
	layout = object_layout__of_version(3, 7, 16, false);
	assert_true(object_layout__is_gc_head(&layout, (const uint8_t *)bad));
}

#define DICT_NONE 0

static int64_t dict_at(int64_t dict_offset, uint64_t item_size, uint64_t items, size_t size)
{
	struct object_layout layout = object_layout__of_version(3, 8, 16, false);
	uint64_t words[5] = {1, 0, items, 0, 0};
	const struct type type = {.basic_size = 24,
				  .item_size = item_size,
				  .dict_offset = dict_offset};

	return object_layout__dict_at(&layout, &type,
				      &(struct object_copy){.bytes = (const uint8_t *)words,
							    .size = size});
}

/*
 * An offset counts from the object's start or, below 0, from its end; the dict's address is in the
 * copy, or unknown.
 */
static void test_dict_at(void **state)
{
	(void)state;
	assert_int_equal(dict_at(16, 0, 0, 24), 16);
	assert_int_equal(dict_at(32, 0, 0, 40), 32);
	assert_int_equal(dict_at(32, 0, 0, 32), DICT_NONE);
	assert_int_equal(dict_at(INT64_MAX - 3, 0, 0, 40), DICT_NONE);
	assert_int_equal(dict_at(-8, 8, 2, 40), 32);
	assert_int_equal(dict_at(-8, 8, (uint64_t)-2, 40), 32);
	assert_int_equal(dict_at(-8, 8, 3, 40), DICT_NONE);
	assert_int_equal(dict_at(-8, 8, 1UL << 63, 40), DICT_NONE);
	assert_int_equal(dict_at(INT64_MIN, 8, UINT64_MAX, 40), DICT_NONE);
	assert_int_equal(dict_at(-8, 8, INT64_MAX, 40), DICT_NONE);
	/* The copy ends before the item count, so there are no items. */
	assert_int_equal(dict_at(-8, 8, 1, 16), DICT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dict_at),		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_tracked),		cmocka_unit_test(test_reference_counts),
		cmocka_unit_test(test_collectors_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
