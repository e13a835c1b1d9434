// SPDX-License-Identifier: BSD-2-Clause
/* Objects with a reference count of 0, on a free list or not. */
#include "census/free_list_types.h"

#include "fake_objects.h"
#include "unit_test.h"
#include "util/cleanup.h"

static enum block_role role_of(const struct census *census, uint64_t block)
{
	return block_kind__role(census__kind_at(census, block));
}

static void test_types(void **state)
{
	_cleanup_(census__freep) struct census *census = NULL;
	struct world world;
	uint64_t list, instance, text, tracked;

	(void)state;
	world__make(&world);
	list = ADD(&world, 64, 0, 0, 0, world__class(LIST));
	instance = ADD(&world, 48, 0, 0, 0, world__class(POINT));
	text = ADD(&world, 112, 0, world__class(STR), 5);
	/* A free block: its first word is the address of the next. */
	tracked = ADD(&world, 64, NOWHERE, 0, 0, world__class(LIST));
	census = world__take(&world);
	assert_int_equal(role_of(census, list), BLOCK_FREE_LISTED);
	assert_int_equal(role_of(census, instance), BLOCK_UNKNOWN);
	assert_int_equal(role_of(census, text), BLOCK_UNKNOWN);
	assert_int_equal(role_of(census, tracked), BLOCK_UNKNOWN);
	assert_int_equal(census->freed_blocks, 3);
	world__release(&world);
}

/* Lists in blocks of two sizes: a pool has no room for so many of one size. */
static void test_more_than_fit(void **state)
{
	_cleanup_(census__freep) struct census *census = NULL;
	struct world world;
	uint64_t blocks[100], free_listed = 0;

	(void)state;
	world__make(&world);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		blocks[i] = ADD(&world, i < 60 ? 64 : 80, 0, 0, 0, world__class(LIST));
	census = world__take(&world);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		free_listed += role_of(census, blocks[i]) == BLOCK_FREE_LISTED;
	assert_int_equal(free_listed, 80);
	assert_int_equal(census->freed_blocks, ARRAY_SIZE(blocks) - 80);
	world__release(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_more_than_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
