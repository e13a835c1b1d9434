// SPDX-License-Identifier: BSD-2-Clause
#include "census/type_table.h"

#include <errno.h>
#include <string.h>

#include "fake_types.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define CLASSES 0x7f5600000000UL
#define META	0x7f5700000000UL

struct world {
	struct fake_memory memory;
	struct type_table *table;
};

static void make(struct world *world)
{
	fake_memory__init(&world->memory);
	assert_int_equal(type_table__new(&world->table, &world->memory.memory), 0);
	fake_type__map_type(&world->memory);
}

static void release(struct world *world)
{
	type_table__free(world->table);
	fake_memory__release(&world->memory);
}

static uint64_t class_at(uint32_t index)
{
	return CLASSES + index * 4 * FAKE_TYPE_BYTES;
}

static struct fake_type some_class(uint32_t index)
{
	return (struct fake_type){.address = class_at(index),
				  .metatype = FAKE_TYPE_TYPE,
				  .flags = TYPE_HEAPTYPE | TYPE_HAVE_GC,
				  .basic_size = 32,
				  .dict_offset = 16,
				  .name = "Class"};
}

static uint32_t ask(struct world *world, uint64_t address)
{
	assert_int_equal(type_table__note(world->table, address), 0);
	assert_int_equal(type_table__resolve(world->table), 0);
	return type_table__find(world->table, address);
}

static void test_finds_a_class(void **state)
{
	const struct type *type;
	struct fake_type class = some_class(0);
	struct world world;
	uint32_t number;

	(void)state;
	make(&world);
	fake_type__map(&world.memory, &class);
	assert_int_equal(type_table__find(world.table, class_at(0)), TYPE_UNSEEN);
	number = ask(&world, class_at(0));
	assert_true(number < TYPE_UNSEEN);
	type = type_table__at(world.table, number);
	assert_int_equal(type->address, class_at(0));
	assert_int_equal(type->metatype, FAKE_TYPE_TYPE);
	assert_int_equal(type->flags, TYPE_HEAPTYPE | TYPE_HAVE_GC | TYPE_READY);
	assert_int_equal(type->basic_size, 32);
	assert_int_equal(type->dict_offset, 16);
	assert_string_equal(type->name, "Class");
	/* And `type` with it. */
	assert_int_equal(type_table__cnt(world.table), 2);
	number = type_table__find(world.table, FAKE_TYPE_TYPE);
	assert_string_equal(type_table__at(world.table, number)->name, "type");
	/* A type that was read is not read again. */
	fake_memory__unmap(&world.memory, class_at(0));
	assert_true(ask(&world, class_at(0)) < TYPE_UNSEEN);
	release(&world);
}

/* A class of a class of a class that makes classes. */
static void test_follows_metatypes(void **state)
{
	struct world world;

	(void)state;
	make(&world);
	for (uint32_t i = 0; i < 4; i++) {
		struct fake_type meta = {.address = META + i * 4 * FAKE_TYPE_BYTES,
					 .metatype = i ? META + (i - 1) * 4 * FAKE_TYPE_BYTES
						       : FAKE_TYPE_TYPE,
					 .flags = TYPE_HEAPTYPE | TYPE_TYPE_SUBCLASS,
					 .basic_size = 888,
					 .name = "Meta"};

		fake_type__map(&world.memory, &meta);
	}
	for (uint32_t i = 0; i < 4; i++) {
		struct fake_type class = some_class(i);

		class.metatype = META + (3 - i) * 4 * FAKE_TYPE_BYTES;
		fake_type__map(&world.memory, &class);
		assert_true(ask(&world, class_at(i)) < TYPE_UNSEEN);
	}
	assert_int_equal(type_table__cnt(world.table), 9);
	release(&world);
}

static void test_what_is_no_type(void **state)
{
	struct fake_type class = some_class(0);
	struct world world;

	(void)state;
	make(&world);
	/* An instance: its type is not a metatype. */
	fake_type__map(&world.memory, &class);
	class.address = class_at(1);
	class.metatype = class_at(0);
	fake_type__map(&world.memory, &class);
	assert_int_equal(ask(&world, class_at(1)), TYPE_NONE);
	/* Its own type, but not a metatype. */
	class.address = class.metatype = class_at(2);
	fake_type__map(&world.memory, &class);
	assert_int_equal(ask(&world, class_at(2)), TYPE_NONE);
	/* Not ready; of an impossible size; with an unmapped metatype; with an unmapped name. */
	for (uint32_t i = 3; i < 7; i++) {
		class = some_class(i);
		fake_type__map(&world.memory, &class);
	}
	*fake_memory__word(&world.memory, class_at(3) + 168) = TYPE_HEAPTYPE;
	*fake_memory__word(&world.memory, class_at(4) + 32) = 1UL << 40;
	*fake_memory__word(&world.memory, class_at(5) + 8) = 0x7f9900000000UL;
	*fake_memory__word(&world.memory, class_at(6) + 24) = 0x7f9900000000UL;
	for (uint32_t i = 3; i < 7; i++)
		assert_int_equal(ask(&world, class_at(i)), TYPE_NONE);
	assert_int_equal(ask(&world, 0x7f9900000000UL), TYPE_NONE);
	release(&world);
}

/* @expected: the name in the table; NULL: refused. */
static void check_name(const char *name, const char *expected)
{
	struct fake_type class = some_class(0);
	struct world world;
	uint32_t number;

	make(&world);
	class.name = name;
	fake_type__map(&world.memory, &class);
	number = ask(&world, class_at(0));
	assert_int_equal(number < TYPE_UNSEEN, expected != NULL);
	assert_int_equal(type_table__refused_cnt(world.table), expected == NULL);
	if (expected)
		assert_string_equal(type_table__at(world.table, number)->name, expected);
	release(&world);
}

static void test_names(void **state)
{
	static const char *const any[] = {"a",
					  "collections.OrderedDict",
					  "",
					  "two\nlines",
					  "\x1b[31m",
					  "\xc3\xa9t\xc3\xa9",
					  "latin-1 \xe9"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(any); i++)
		check_name(any[i], any[i]);
	/* Neither UTF-8 nor printable. */
	check_name("\xff\x01", NULL);
}

static void test_long_names(void **state)
{
	char name[TYPE_NAME_BYTES_MAX + 100] = "", expected[TYPE_NAME_BYTES_MAX + 4] = "";

	(void)state;
	memset(name, 'x', TYPE_NAME_BYTES_MAX);
	check_name(name, name);
	memset(expected, 'x', TYPE_NAME_BYTES_MAX);
	strcat(expected, "...");
	memset(name, 'x', TYPE_NAME_BYTES_MAX + 50);
	check_name(name, expected);
	/* The cut would divide a character of three bytes. */
	memcpy(name + TYPE_NAME_BYTES_MAX - 2, "\xe2\x82\xac", 3);
	strcpy(expected + TYPE_NAME_BYTES_MAX - 2, "...");
	check_name(name, expected);
}

/* The last bytes of a page, followed by unmapped memory. */
static void test_name_at_the_end_of_memory(void **state)
{
	const uint64_t page = 0x7f5800000000UL;
	struct fake_type class = some_class(0);
	struct world world;

	(void)state;
	make(&world);
	fake_type__map(&world.memory, &class);
	fake_memory__map(&world.memory, page, 4096);
	strcpy(fake_memory__at(&world.memory, page + 4096 - 6, 6), "Class");
	*fake_memory__word(&world.memory, class_at(0) + 24) = page + 4096 - 6;
	assert_true(ask(&world, class_at(0)) < TYPE_UNSEEN);
	release(&world);
}

static void test_many(void **state)
{
	enum {
		CNT = 3000
	};
	struct world world;

	(void)state;
	make(&world);
	for (uint32_t i = 0; i < CNT; i++) {
		struct fake_type class = some_class(i);

		if (i % 3)
			fake_type__map(&world.memory, &class);
		assert_int_equal(type_table__note(world.table, class_at(i)), 0);
		assert_int_equal(type_table__note(world.table, class_at(i)), 0);
	}
	assert_int_equal(type_table__resolve(world.table), 0);
	for (uint32_t i = 0; i < CNT; i++)
		assert_int_equal(type_table__find(world.table, class_at(i)) < TYPE_UNSEEN,
				 i % 3 != 0);
	assert_int_equal(type_table__cnt(world.table), 2 * CNT / 3 + 1);
	release(&world);
}

/*
 * A type with impossible sizes is refused and counted; an object that is not a type is not counted.
 */
static void test_refuses_and_counts(void **state)
{
	struct fake_type class = some_class(0);
	struct world world;

	(void)state;
	make(&world);
	class.dict_offset = INT64_MAX - 3;
	fake_type__map(&world.memory, &class);
	assert_int_equal(ask(&world, class_at(0)), TYPE_NONE);
	assert_int_equal(type_table__refused_cnt(world.table), 1);
	class = some_class(1);
	class.flags = TYPE_LIST_SUBCLASS;
	class.basic_size = class.dict_offset = 16;
	fake_type__map(&world.memory, &class);
	assert_int_equal(ask(&world, class_at(1)), TYPE_NONE);
	assert_int_equal(type_table__refused_cnt(world.table), 2);
	class = some_class(2);
	class.metatype = class_at(1);
	class.basic_size = 1UL << 40;
	fake_type__map(&world.memory, &class);
	assert_int_equal(ask(&world, class_at(2)), TYPE_NONE);
	assert_int_equal(type_table__refused_cnt(world.table), 2);
	release(&world);
}

/*
 * Each one's type is the next, and the last one's is `type`: a chain of any length takes no more
 * rounds than a short one.
 */
static void test_chain_of_metatypes(void **state)
{
	enum {
		CNT = 100
	};
	uint32_t found = 0;
	struct world world;

	(void)state;
	make(&world);
	for (uint32_t i = 0; i < CNT; i++) {
		struct fake_type meta = some_class(i);

		meta.flags |= TYPE_TYPE_SUBCLASS;
		meta.basic_size = 888;
		meta.metatype = i + 1 < CNT ? class_at(i + 1) : FAKE_TYPE_TYPE;
		fake_type__map(&world.memory, &meta);
		assert_int_equal(type_table__note(world.table, class_at(i)), 0);
	}
	assert_int_equal(type_table__note(world.table, FAKE_TYPE_TYPE), 0);
	assert_int_equal(type_table__resolve(world.table), 0);
	for (uint32_t i = 0; i < CNT; i++)
		found += type_table__find(world.table, class_at(i)) < TYPE_UNSEEN;
	assert_in_range(found, 1, 16);
	assert_int_equal(type_table__refused_cnt(world.table), 1);
	release(&world);
}

static void test_process_that_is_gone(void **state)
{
	struct world world;

	(void)state;
	make(&world);
	world.memory.error = -ESRCH;
	assert_int_equal(type_table__note(world.table, class_at(0)), 0);
	assert_int_equal(type_table__resolve(world.table), -ESRCH);
	release(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_a_class),
		cmocka_unit_test(test_follows_metatypes),
		cmocka_unit_test(test_what_is_no_type),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_name_at_the_end_of_memory),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_refuses_and_counts),
		cmocka_unit_test(test_chain_of_metatypes),
		cmocka_unit_test(test_process_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
