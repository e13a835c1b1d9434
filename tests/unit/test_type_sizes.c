// SPDX-License-Identifier: BSD-2-Clause
#include "census/type_sizes.h"

#include <stddef.h>

#include "census/type.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* sizeof and type.__dictoffset__ in builds of these versions. */
static const struct type_sizes real[] = {
	{"object", 0, 16, 0, 0, 0},
	{"int", TYPE_LONG_SUBCLASS, 24, 4, 0, 0},
	{"tuple", TYPE_TUPLE_SUBCLASS, 24, 8, 0, 0},
	{"list", TYPE_LIST_SUBCLASS, 40, 0, 0, 0},
	{"dict", TYPE_DICT_SUBCLASS, 48, 0, 0, 0},
	{"bytes", TYPE_BYTES_SUBCLASS, 33, 1, 0, 0},
	{"str", TYPE_UNICODE_SUBCLASS, 64, 0, 0, 0},
	{"unicode", TYPE_UNICODE_SUBCLASS, 56, 0, 0, 0}, /* 2.7 */
	{"set", 0, 200, 0, 192, 0},
	{"collections.deque", 0, 80, 0, 72, 0},
	{"frame", 0, 120, 8, 0, 0},
	{"generator", 0, 64, 0, 40, 0}, /* 3.6 */
	{"generator", 0, 144, 8, 16, 0},
	{"type", TYPE_TYPE_SUBCLASS, 864, 40, 368, 264},
	/*
	 * Classes: with a dict and weak references, up to 3.11 and from 3.12 on; of int; of tuple.
	 */
	{"Class", TYPE_HEAPTYPE, 32, 0, 24, 16},
	{"Class", TYPE_HEAPTYPE | TYPE_MANAGED_DICT, 16, 0, -32, -1},
	{"Class", TYPE_HEAPTYPE | TYPE_LONG_SUBCLASS, 32, 4, 0, -8},
	{"list", TYPE_HEAPTYPE, 16, 0, 0, 0},
};

static const struct type_sizes lies[] = {
	{"short", 0, 15, 0, 0, 0},
	{"negative", 0, INT64_MIN, 0, 0, 0},
	{"huge", 0, INT64_MAX, 0, 0, 0},
	{"items", 0, 24, INT64_MIN, 0, 0},
	{"items", 0, 24, INT64_MAX, 0, 0},
	{"dict at the end of memory", 0, 16, 0, 0, INT64_MAX - 3},
	{"dict at the beginning", 0, 16, 0, 0, INT64_MIN},
	{"dict behind the object", 0, 32, 0, 0, 25},
	{"weak references behind the object", 0, 32, 0, 32, 0},
	{"weak references at the beginning", 0, 32, 0, INT64_MIN, 0},
	{"a list", TYPE_LIST_SUBCLASS, 31, 0, 0, 0},
	{"a class", TYPE_HEAPTYPE | TYPE_LIST_SUBCLASS, 16, 0, 0, 0},
	{"a dict", TYPE_DICT_SUBCLASS, 40, 0, 0, 0},
	{"a tuple", TYPE_TUPLE_SUBCLASS, 16, 8, 0, 0},
	{"an int", TYPE_LONG_SUBCLASS, 16, 4, 0, 0},
	{"a str", TYPE_UNICODE_SUBCLASS, 32, 0, 0, 0},
	{"bytes", TYPE_BYTES_SUBCLASS, 16, 0, 0, 0},
	{"a type", TYPE_TYPE_SUBCLASS, 296, 0, 0, 0},
	{"set", 0, 40, 0, 0, 0},
	{"frozenset", 0, 40, 0, 0, 0},
	{"collections.deque", 0, 48, 0, 0, 0},
	{"frame", 0, 16, 0, 0, 0},
	{"generator", 0, 16, 0, 0, 0},
};

static void test_real_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(real); i++)
		if (!type_sizes__are_plausible(&real[i]))
			fail_msg("refused: %s, number %zu", real[i].name, i);
}

static void test_lies(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		if (type_sizes__are_plausible(&lies[i]))
			fail_msg("not refused: %s, number %zu", lies[i].name, i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_types),
		cmocka_unit_test(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
