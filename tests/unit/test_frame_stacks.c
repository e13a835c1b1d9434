// SPDX-License-Identifier: BSD-2-Clause
#include "target/frame_stacks.h"

#include "fake_stacks.h"
#include "unit_test.h"
#include "util/cleanup.h"

static uint64_t used_bytes_of(const struct frame_stacks *stacks, size_t number)
{
	for (size_t i = 0; i < stacks->cnt; i++)
		if (stacks->chunks[i].address == FAKE_CHUNKS + number * FAKE_CHUNK_BYTES)
			return stacks->chunks[i].used_bytes;
	return UINT64_MAX;
}

/* The newest chunk is in use up to the top, older ones as they say, and a cached one is not. */
static void test_finds_all(void **state)
{
	_cleanup_(frame_stacks__release) struct frame_stacks stacks = {};
	struct fake_stacks fake;

	(void)state;
	fake_stacks__init(&fake);
	assert_int_equal(frame_stacks__find(&stacks, &fake.runtime, fake.target.memory), 0);
	assert_int_equal(stacks.cnt, 2 * FAKE_THREADS);
	assert_int_equal(used_bytes_of(&stacks, 0), 0x1100);
	assert_int_equal(used_bytes_of(&stacks, 1), 0);
	assert_int_equal(used_bytes_of(&stacks, 2), 0x1100);
	assert_int_equal(used_bytes_of(&stacks, 3), 24 + 0x700 * 8);
	assert_int_equal(stacks.refused_cnt, 0);
	fake_stacks__release(&fake);
}

/* Before 3.15 nothing is cached, and before 3.11 there are no such chunks. */
static void test_other_versions(void **state)
{
	_cleanup_(frame_stacks__release) struct frame_stacks stacks = {}, none = {};
	struct fake_stacks fake;

	(void)state;
	fake_stacks__init(&fake);
	fake.runtime.offsets.thread_cached_chunk = PY_NO_OFFSET;
	assert_int_equal(frame_stacks__find(&stacks, &fake.runtime, fake.target.memory), 0);
	assert_int_equal(stacks.cnt, 2 * FAKE_THREADS - 1);
	fake.runtime.offsets.thread_data_stack = PY_NO_OFFSET;
	assert_int_equal(frame_stacks__find(&none, &fake.runtime, fake.target.memory), 0);
	assert_int_equal(none.cnt, 0);
	fake_stacks__release(&fake);
}

/* Lists end at what is no chunk or was there before. */
static void test_damaged_lists(void **state)
{
	_cleanup_(frame_stacks__release) struct frame_stacks stacks = {};
	struct fake_stacks fake;

	(void)state;
	fake_stacks__init(&fake);
	/* A size that is not of whole pages; a circle of chunks; one of thread states. */
	*fake_memory__word(&fake.memory, FAKE_CHUNKS + 8) = 0x4010;
	*fake_memory__word(&fake.memory, FAKE_CHUNKS + 3 * FAKE_CHUNK_BYTES) =
		FAKE_CHUNKS + 2 * FAKE_CHUNK_BYTES;
	*fake_memory__word(&fake.memory, fake_stacks__state(1) + 0x10) = fake_stacks__state(0);
	assert_int_equal(frame_stacks__find(&stacks, &fake.runtime, fake.target.memory), 0);
	assert_int_equal(stacks.cnt, 3);
	assert_int_equal(stacks.refused_cnt, 2);
	fake_stacks__release(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_all),
		cmocka_unit_test(test_other_versions),
		cmocka_unit_test(test_damaged_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
