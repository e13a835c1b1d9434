// SPDX-License-Identifier: BSD-2-Clause
/*
 * A census of a hand-made heap with a few objects of each kind, in the layout of CPython 3.8 to
 * 3.10.
 */
#include "census/census_take.h"

#include <errno.h>
#include <string.h>

#include "fake_objects.h"
#include "target/offsets.h"
#include "unit_test.h"
#include "util/cleanup.h"

static void check(const struct census *census, uint64_t block, enum block_role role,
		  enum block_part part, const char *type)
{
	uint32_t kind = census__kind_at(census, block);

	assert_int_equal(block_kind__role(kind), role);
	assert_int_equal(block_kind__part(kind), part);
	if (type)
		assert_string_equal(type_table__at(census->types, block_kind__type(kind))->name,
				    type);
}

static void test_objects(void **state)
{
	_cleanup_(census__freep) struct census *census = NULL;
	struct world world;
	uint64_t text, large_text, untracked, tracked, free_listed, strange;

	(void)state;
	world__make(&world);
	text = ADD(&world, 64, 1, world__class(STR), 5);
	large_text = ADD(&world, 112, 3, world__class(STR), 50);
	untracked = ADD(&world, 64, 0, 0, 2, world__class(DICT), 0, 0, NOWHERE, 0);
	tracked = ADD(&world, 64, NOWHERE, NOWHERE, 2, world__class(DICT), 0, 0, NOWHERE, 0);
	free_listed = ADD(&world, 64, 0, 0, 0, world__class(LIST));
	/*
	 * Its reference count is a pointer; it is too small for its type; what could be its type is
	 * not a type.
	 */
	strange = ADD(&world, 48, NOWHERE, world__class(STR));
	ADD(&world, 32, 1, world__class(STR));
	ADD(&world, 64, 1, NOWHERE);
	census = world__take(&world);
	check(census, text, BLOCK_OBJECT, PART_NONE, "str");
	check(census, large_text, BLOCK_OBJECT, PART_NONE, "str");
	check(census, tracked, BLOCK_OBJECT, PART_NONE, "dict");
	check(census, untracked, BLOCK_OBJECT, PART_NONE, "dict");
	check(census, free_listed, BLOCK_FREE_LISTED, PART_NONE, "list");
	check(census, strange, BLOCK_UNKNOWN, PART_NONE, NULL);
	check(census, POOL(SAMPLE_CLASS(32)) + 48, BLOCK_UNKNOWN, PART_NONE, NULL);
	check(census, POOL(3) + 48 + 4 * 64, BLOCK_UNKNOWN, PART_NONE, NULL);
	check(census, POOL(3) + 48 + 5 * 64, BLOCK_FREE, PART_NONE, NULL);
	check(census, NOWHERE, BLOCK_FREE, PART_NONE, NULL);
	world__release(&world);
}

/* Keys of a dict that was freed: refcnt, size, lookup, usable, entries; 8 indices. */
static void test_free_listed_keys(void **state)
{
	_cleanup_(census__freep) struct census *census = NULL;
	const uint64_t two = 0xffffffffffff0100, wrong = 0xffffffffffff0500;
	uint64_t free_listed, alive, larger, full, nonsense;
	struct world world;

	(void)state;
	world__make(&world);
	ADD(&world, 64, 0, 0, 2, world__class(DICT), 0, 0, NOWHERE, 0);
	free_listed = ADD(&world, 176, 0, 8, NOWHERE, 3, 2, two);
	alive = ADD(&world, 176, 1, 8, NOWHERE, 3, 2, two);
	larger = ADD(&world, 176, 0, 16, NOWHERE, 3, 2, two);
	full = ADD(&world, 176, 0, 8, NOWHERE, 3, 3, two);
	nonsense = ADD(&world, 176, 0, 8, NOWHERE, 3, 2, wrong);
	census = world__take(&world);
	check(census, free_listed, BLOCK_FREE_LISTED, PART_KEYS, "dict");
	check(census, alive, BLOCK_UNKNOWN, PART_NONE, NULL);
	check(census, larger, BLOCK_UNKNOWN, PART_NONE, NULL);
	check(census, full, BLOCK_UNKNOWN, PART_NONE, NULL);
	check(census, nonsense, BLOCK_UNKNOWN, PART_NONE, NULL);
	world__release(&world);
}

/*
 * An instance, its dict and the dict's keys; a list's items; a set's table; a chain of blocks of
 * which each owns the next.
 */
static void test_buffers_and_owners(void **state)
{
	_cleanup_(census__freep) struct census *census = NULL;
	struct world world;
	uint64_t keys, dict, point, other_keys, other_dict, items, table, rows[3], values;

	(void)state;
	world__make(&world);
	keys = ADD(&world, 208, 1, 8);
	other_keys = ADD(&world, 208, 1, 8);
	values = ADD(&world, 80, 0);
	dict = ADD(&world, 64, 1, 1, 1, world__class(DICT), 1, 1, keys, values);
	other_dict = ADD(&world, 64, 1, 1, 1, world__class(DICT), 1, 1, other_keys, 0);
	point = ADD(&world, 48, 1, 1, 1, world__class(POINT), dict + HEAD);
	items = ADD(&world, 128, dict + HEAD, dict + HEAD);
	ADD(&world, 64, 1, 1, 1, world__class(LIST), 2, items, 2);
	table = ADD(&world, 512, 0);
	ADD(&world, 224, 1, 1, 1, world__class(SET), 1, 1, 31, table);
	rows[2] = ADD(&world, 96, 0);
	rows[1] = ADD(&world, 96, 0, rows[2] + 8);
	rows[0] = ADD(&world, 96, rows[1]);
	ADD(&world, 48, 1, 1, 1, world__class(LINKED), rows[0], 7);
	census = world__take(&world);
	check(census, point, BLOCK_OBJECT, PART_NONE, "Point");
	check(census, dict, BLOCK_OBJECT, PART_DICT, "Point");
	check(census, keys, BLOCK_BUFFER, PART_DICT_KEYS, "Point");
	check(census, values, BLOCK_BUFFER, PART_DICT_VALUES, "Point");
	check(census, other_dict, BLOCK_OBJECT, PART_NONE, "dict");
	check(census, other_keys, BLOCK_BUFFER, PART_KEYS, "dict");
	check(census, items, BLOCK_BUFFER, PART_ITEMS, "list");
	check(census, table, BLOCK_BUFFER, PART_TABLE, "set");
	for (int i = 0; i < 3; i++)
		check(census, rows[i], BLOCK_BUFFER, PART_NONE, "pkg.linked");
	world__release(&world);
}

/*
 * Blocks that begin with the remains of a freed object. They are buffers if a live object has its
 * buffer there, and not otherwise: neither after the collector's header nor after any other word.
 */
static void test_buffers_with_old_content(void **state)
{
	_cleanup_(census__freep) struct census *census = NULL;
	struct world world;
	uint64_t values, items, table, headed, held, in_freed;

	(void)state;
	world__make(&world);
	values = ADD(&world, 128, 0, world__class(STR));
	items = ADD(&world, 128, 0, world__class(STR));
	table = ADD(&world, 128, 0, world__class(STR));
	headed = ADD(&world, 128, 0, world__class(STR));
	held = ADD(&world, 128, 0, world__class(STR));
	in_freed = ADD(&world, 128, 0, world__class(STR));
	ADD(&world, 64, headed, headed, 1, world__class(DICT), 1, 1, NOWHERE, values + 8);
	ADD(&world, 64, 1, 1, 1, world__class(LIST), 2, items, 2);
	ADD(&world, 224, 1, 1, 1, world__class(SET), 1, 1, 31, table);
	ADD(&world, 48, 1, 1, 1, world__class(LINKED), held, 7);
	ADD(&world, 64, 1, 1, 0, world__class(LIST), 2, in_freed, 2);
	census = world__take(&world);
	check(census, values, BLOCK_BUFFER, PART_VALUES, "dict");
	check(census, items, BLOCK_BUFFER, PART_ITEMS, "list");
	check(census, table, BLOCK_BUFFER, PART_TABLE, "set");
	check(census, headed, BLOCK_UNKNOWN, PART_NONE, NULL);
	check(census, held, BLOCK_UNKNOWN, PART_NONE, NULL);
	check(census, in_freed, BLOCK_UNKNOWN, PART_NONE, NULL);
	world__release(&world);
}

#define LOW_TYPE 0x40615750UL /* an address just above 1 GiB */

/*
 * A tuple of a class resembles an instance of the class with a longer header. It is not counted as
 * one, even if `tuple` is found later than the class. Neither is an array of classes, whose
 * addresses are as small as reference counts in the malloc heap of a program that is not
 * position-independent. An immortal object is counted as an instance.
 */
static void test_tuple_of_a_class(void **state)
{
	_cleanup_(census__freep) struct census *census = NULL;
	const struct census_options options = {.major = 3,
					       .minor = 12,
					       .offsets = py_offsets__of_version(3, 12),
					       .refcnt_max = 1000};
	const uint64_t tuple = TYPES + 0x100000, class = TYPES + 0x110000;
	struct world world;
	uint64_t instance, immortal, array, bases;

	(void)state;
	world__make(&world);
	fake_type__map(&world.memory,
		       &(struct fake_type){.address = tuple,
					   .metatype = FAKE_TYPE_TYPE,
					   .flags = TYPE_HAVE_GC | TYPE_TUPLE_SUBCLASS,
					   .basic_size = 24,
					   .item_size = 8,
					   .name = "tuple"});
	fake_type__map(&world.memory, &(struct fake_type){.address = class,
							  .metatype = FAKE_TYPE_TYPE,
							  .flags = TYPE_HAVE_GC | TYPE_HEAPTYPE |
								   TYPE_MANAGED_DICT,
							  .basic_size = 16,
							  .name = "Class"});
	instance = ADD(&world, 48, 0, 0, 1, 1, 1, class);
	immortal = ADD(&world, 48, 0, 0, 1, 1, 0xffffffff, class);
	array = ADD(&world, 48, tuple, tuple, tuple, tuple, LOW_TYPE, class);
	bases = ADD(&world, 64, 1, 1, 1, tuple, 2, class, class);
	assert_int_equal(census__take(&census, world.heap, &world.memory.memory, &options), 0);
	check(census, instance, BLOCK_OBJECT, PART_NONE, "Class");
	check(census, immortal, BLOCK_OBJECT, PART_NONE, "Class");
	check(census, array, BLOCK_UNKNOWN, PART_NONE, NULL);
	check(census, bases, BLOCK_OBJECT, PART_NONE, "tuple");
	world__release(&world);
}

static const struct census_row *find_row(const struct census_rows *rows, uint32_t kind)
{
	for (size_t i = 0; i < rows->cnt; i++)
		if (rows->rows[i].kind == kind)
			return &rows->rows[i];
	return NULL;
}

static void test_rows(void **state)
{
	_cleanup_(census__freep) struct census *census = NULL;
	const struct census_row *row;
	struct census_rows rows;
	struct world world;
	uint64_t dict = 0;

	(void)state;
	world__make(&world);
	for (int i = 0; i < 3; i++)
		dict = ADD(&world, 64, i, 1, 1, world__class(DICT));
	ADD(&world, 48, 1, 1, 1, world__class(POINT), dict + HEAD);
	ADD(&world, 32, 0);
	ADD(&world, 512, 0);
	census = world__take(&world);
	assert_int_equal(census__count(census, BY_TYPE, NULL, &rows), 0);
	assert_int_equal(rows.blocks, 6);
	assert_int_equal(rows.bytes, 3 * 64 + 48 + 32 + 512);
	assert_int_equal(rows.cnt, 4);
	assert_int_equal(rows.rows[0].bytes, 512);
	assert_int_equal(rows.rows[0].block_size, 512);
	row = find_row(&rows, block_kind(BLOCK_OBJECT, PART_NONE, census->dict_type));
	assert_int_equal(row->blocks, 3);
	assert_int_equal(row->bytes, 3 * 64);
	assert_int_equal(row->tracked_blocks, 2);
	census_rows__release(&rows);
	assert_int_equal(census__count(census, BY_OWNER, NULL, &rows), 0);
	assert_int_equal(rows.cnt, 5);
	row = find_row(&rows, census__kind_at(census, dict));
	assert_int_equal(block_kind__part(row->kind), PART_DICT);
	assert_int_equal(row->blocks, 1);
	census_rows__release(&rows);
	world__release(&world);
}

static void test_memory_that_is_gone(void **state)
{
	const struct census_options options = {.major = 3,
					       .minor = 8,
					       .offsets = py_offsets__of_version(3, 8),
					       .refcnt_max = 1000};
	struct census *census = NULL;
	struct world world;

	(void)state;
	world__make(&world);
	ADD(&world, 64, 1, world__class(STR));
	ADD(&world, 64, 1, world__class(STR));
	fake_memory__unmap(&world.memory, ARENA);
	census = world__take(&world);
	assert_int_equal(census->unreadable_blocks, 2);
	check(census, POOL(3) + 48, BLOCK_UNKNOWN, PART_NONE, NULL);
	census__free(census);
	world.memory.error = -ESRCH;
	assert_int_equal(census__take(&census, world.heap, &world.memory.memory, &options), -ESRCH);
	world__release(&world);
}

/*
 * Blocks of arbitrary content: addresses of types, of blocks, and others. The census terminates,
 * and classifies each block.
 */
static void test_nonsense(void **state)
{
	uint64_t random = 9;

	(void)state;
	for (int round = 0; round < 50; round++) {
		_cleanup_(census__freep) struct census *census = NULL;
		struct census_rows rows;
		struct world world;

		world__make(&world);
		world__add_nonsense(&world, &random);
		census = world__take(&world);
		for (enum census_by by = BY_TYPE; by <= BY_ARENA; by++) {
			struct heap_measure measure;
			uint64_t blocks = 0;

			assert_int_equal(heap__measure(world.heap, &measure), 0);
			assert_int_equal(census__count(census, by, NULL, &rows), 0);
			for (size_t i = 0; i < rows.cnt; i++)
				blocks += rows.rows[i].blocks;
			assert_int_equal(blocks, measure.totals.live_blocks);
			assert_int_equal(rows.bytes, measure.totals.live_bytes);
			census_rows__release(&rows);
			heap_measure__free(&measure);
		}
		world__release(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_free_listed_keys),
		cmocka_unit_test(test_buffers_and_owners),
		cmocka_unit_test(test_buffers_with_old_content),
		cmocka_unit_test(test_tuple_of_a_class),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_memory_that_is_gone),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
