// SPDX-License-Identifier: BSD-2-Clause
/* Values as repr() shows them, of objects in the layout of CPython 3.8. */
#include "census/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fake_objects.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define TYPE_AT(n) (0x7f5700000000UL + (n)*4 * FAKE_TYPE_BYTES)

enum {
	FLOAT,
	INT,
	BYTES,
};

static const struct fake_type types[] = {
	[FLOAT] = {.basic_size = 24, .name = "float"},
	[INT] = {.flags = TYPE_LONG_SUBCLASS, .basic_size = 24, .item_size = 4, .name = "int"},
	[BYTES] = {.flags = TYPE_BYTES_SUBCLASS, .basic_size = 33, .item_size = 1, .name = "bytes"},
};

static void check(const struct census *census, uint64_t address, size_t max, const char *wanted)
{
	_cleanup_free_ char *text = NULL;
	uint32_t kind = census__kind_at(census, address);

	assert_int_equal(value__describe(&text, census, address, block_kind__type(kind), max), 0);
	assert_string_equal(text, wanted);
}

static uint64_t add_float(struct world *world, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return ADD(world, 32, 1, TYPE_AT(FLOAT), bits);
}

static uint64_t add_bytes(struct world *world, const char *bytes, size_t size)
{
	uint64_t block = ADD(world, 64, 1, TYPE_AT(BYTES), size, 0);

	memcpy(fake_memory__at(&world->memory, block + 32, 32), bytes, size);
	return block;
}

static void test_values(void **state)
{
	static const struct {
		double value;
		const char *text;
	} floats[] = {
		{0.0, "0.0"},
		{-0.0, "-0.0"},
		{20.0, "20.0"},
		{0.1, "0.1"},
		{1e15, "1000000000000000.0"},
		{1e16, "1e+16"},
		{1.5e300, "1.5e+300"},
		{0.0001, "0.0001"},
		{0.00001, "1e-05"},
		{1.0 / 3, "0.3333333333333333"},
		{123456.789, "123456.789"},
		{INFINITY, "inf"},
		{-INFINITY, "-inf"},
		{NAN, "nan"},
		{5e-324, "5e-324"},
		{1.7976931348623157e308, "1.7976931348623157e+308"},
	};
	uint64_t at[ARRAY_SIZE(floats)], small, zero, negative, large, raw, quoted;
	_cleanup_(census__freep) struct census *census = NULL;
	struct world world;

	(void)state;
	world__make(&world);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct fake_type type = types[i];

		type.address = TYPE_AT(i);
		type.metatype = FAKE_TYPE_TYPE;
		fake_type__map(&world.memory, &type);
	}
	for (size_t i = 0; i < ARRAY_SIZE(floats); i++)
		at[i] = add_float(&world, floats[i].value);
	small = ADD(&world, 32, 1, TYPE_AT(INT), 1, 17);
	zero = ADD(&world, 32, 1, TYPE_AT(INT), 0, 0);
	negative = ADD(&world, 32, 1, TYPE_AT(INT), -1UL, 5);
	large = ADD(&world, 32, 1, TYPE_AT(INT), 2, 1UL << 32 | 1);
	raw = add_bytes(&world, "a\0\n\xff'\\", 6);
	quoted = add_bytes(&world, "it's", 4);
	census = world__take(&world);
	for (size_t i = 0; i < ARRAY_SIZE(floats); i++)
		check(census, at[i], VALUE_WHOLE, floats[i].text);
	check(census, small, VALUE_WHOLE, "17");
	check(census, zero, VALUE_WHOLE, "0");
	check(census, negative, VALUE_WHOLE, "-5");
	check(census, large, VALUE_WHOLE, "1073741825");
	check(census, raw, VALUE_WHOLE, "b\"a\\x00\\n\\xff'\\\\\"");
	check(census, quoted, VALUE_WHOLE, "b\"it's\"");
	check(census, quoted, 2, "b'it'...");
	census->major = 2; /* the same object is a str in Python 2 */
	check(census, raw, VALUE_WHOLE, "\"a\\x00\\n\\xff'\\\\\"");
	check(census, quoted, 2, "'it'...");
	world__release(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
