// SPDX-License-Identifier: BSD-2-Clause
/* The test's own memory, of which it knows which pages were ever written. */
#include "target/live_pages.h"

#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define ARENA_PAGES 16UL
#define ARENAS	    8UL

static size_t page_bytes;

/* Address space without any page yet, in which the kernel places no huge pages. */
static uint8_t *map_arenas(void)
{
	size_t size = ARENAS * ARENA_PAGES * page_bytes;
	void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(bytes, MAP_FAILED);
	/* Fails, harmlessly, on kernels without huge pages. */
	madvise(bytes, size, MADV_NOHUGEPAGE);
	return bytes;
}

static void unmap_arenas(uint8_t *bytes)
{
	munmap(bytes, ARENAS * ARENA_PAGES * page_bytes);
}

static struct resident_range arena_range(const uint8_t *bytes)
{
	return (struct resident_range){
		.address = (uintptr_t)bytes,
		.size = ARENA_PAGES * page_bytes,
		.resident_bytes = 99,
	};
}

static void measure(const uint8_t *bytes, uint64_t *resident)
{
	struct resident_range ranges[ARENAS];

	for (size_t i = 0; i < ARENAS; i++)
		ranges[i] = arena_range(bytes + i * ARENA_PAGES * page_bytes);
	assert_int_equal(live_pages__measure(getpid(), ranges, ARENAS), 0);
	for (size_t i = 0; i < ARENAS; i++)
		resident[i] = ranges[i].resident_bytes;
}

static void test_nothing_touched(void **state)
{
	uint8_t *bytes = map_arenas();
	uint64_t resident[ARENAS] = {1, 1, 1};

	(void)state;
	measure(bytes, resident);
	for (size_t i = 0; i < ARENAS; i++)
		assert_int_equal(resident[i], 0);
	unmap_arenas(bytes);
}

static void test_touched_pages_are_counted(void **state)
{
	uint8_t *bytes = map_arenas();
	uint64_t resident[ARENAS], expected[ARENAS] = {}, random = 3;

	(void)state;
	for (size_t page = 0; page < ARENAS * ARENA_PAGES; page++) {
		if (prng__below(&random, 3))
			continue;
		bytes[page * page_bytes + prng__below(&random, (uint32_t)page_bytes)] = 1;
		expected[page / ARENA_PAGES] += page_bytes;
	}
	measure(bytes, resident);
	for (size_t i = 0; i < ARENAS; i++)
		assert_int_equal(resident[i], expected[i]);
	unmap_arenas(bytes);
}

/* Memory that was read and never written is the zero page, if that is visible. */
static void test_pages_only_read(void **state)
{
	uint8_t *bytes = map_arenas();
	volatile uint8_t *page = bytes;
	uint64_t resident[ARENAS];
	uint8_t sum = 0;

	(void)state;
	for (size_t i = 0; i < ARENA_PAGES / 2; i++)
		sum |= page[i * page_bytes];
	assert_int_equal(sum, 0);
	bytes[ARENA_PAGES * page_bytes - 1] = 1;
	measure(bytes, resident);
	assert_int_equal(resident[0],
			 geteuid() == 0 ? page_bytes : (ARENA_PAGES / 2 + 1) * page_bytes);
	unmap_arenas(bytes);
}

struct runs {
	size_t cnt;
	struct {
		uint64_t start, end;
	} items[ARENA_PAGES];
};

static int add_run(uint64_t start, uint64_t end, void *context)
{
	struct runs *runs = context;

	assert_true(runs->cnt < ARENA_PAGES);
	runs->items[runs->cnt].start = start;
	runs->items[runs->cnt++].end = end;
	return 0;
}

/* The query touches nothing. */
static void test_touched_pages(void **state)
{
	uint8_t *bytes = map_arenas();
	uint64_t address = (uintptr_t)bytes, size = ARENA_PAGES * page_bytes;

	(void)state;
	bytes[2 * page_bytes] = 1;
	for (int round = 0; round < 2; round++) {
		struct runs runs = {};

		assert_int_equal(live_pages__find_touched(getpid(), address, address + size,
							  add_run, &runs),
				 0);
		assert_int_equal(runs.cnt, 1);
		assert_int_equal(runs.items[0].start, address + 2 * page_bytes);
		assert_int_equal(runs.items[0].end, address + 3 * page_bytes);
	}
	unmap_arenas(bytes);
}

/* The first and the last page of an arena are counted for it and not for its neighbour. */
static void test_edges_of_arenas(void **state)
{
	uint8_t *bytes = map_arenas();
	size_t arena = ARENA_PAGES * page_bytes;
	uint64_t resident[ARENAS];

	(void)state;
	bytes[1 * arena] = 1;
	bytes[2 * arena - 1] = 1;
	bytes[4 * arena - 1] = 1;
	bytes[ARENAS * arena - 1] = 1;
	measure(bytes, resident);
	assert_int_equal(resident[0], 0);
	assert_int_equal(resident[1], 2 * page_bytes);
	assert_int_equal(resident[2], 0);
	assert_int_equal(resident[3], page_bytes);
	assert_int_equal(resident[4], 0);
	assert_int_equal(resident[ARENAS - 1], page_bytes);
	unmap_arenas(bytes);
}

static void test_pages_that_went_back(void **state)
{
	uint8_t *bytes = map_arenas();
	uint64_t resident[ARENAS];

	(void)state;
	for (size_t page = 0; page < ARENA_PAGES; page++)
		bytes[page * page_bytes] = 1;
	measure(bytes, resident);
	assert_int_equal(resident[0], ARENA_PAGES * page_bytes);
	assert_int_equal(madvise(bytes, 5 * page_bytes, MADV_DONTNEED), 0);
	measure(bytes, resident);
	assert_int_equal(resident[0], (ARENA_PAGES - 5) * page_bytes);
	/* Unmapped memory is not resident. */
	unmap_arenas(bytes);
	measure(bytes, resident);
	for (size_t i = 0; i < ARENAS; i++)
		assert_int_equal(resident[i], 0);
}

struct toucher {
	uint8_t *bytes;
	size_t pages;
};

static int touch_and_wait(void *argument)
{
	const struct toucher *toucher = argument;
	char byte;

	for (size_t i = 0; i < toucher->pages; i++)
		toucher->bytes[i * page_bytes] = 1;
	return write(STDOUT_FILENO, "", 1) == 1 && read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1;
}

static void test_another_process(void **state)
{
	struct toucher toucher = {.bytes = map_arenas(), .pages = 3};
	struct resident_range range = arena_range(toucher.bytes);
	struct child child;

	(void)state;
	child__fork(&child, touch_and_wait, &toucher);
	child__wait_until_ready(&child);
	assert_int_equal(live_pages__measure(child.pid, &range, 1), 0);
	assert_int_equal(range.resident_bytes, 3 * page_bytes);
	assert_int_equal(live_pages__measure(getpid(), &range, 1), 0);
	assert_int_equal(range.resident_bytes, 0);
	child__kill(&child);
	unmap_arenas(toucher.bytes);
}

static void test_no_process_and_no_arenas(void **state)
{
	struct resident_range range = arena_range(NULL);

	(void)state;
	assert_int_equal(live_pages__measure(getpid(), NULL, 0), 0);
	assert_true(live_pages__measure(INT_MAX, &range, 1) < 0);
	assert_int_equal(range.resident_bytes, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_touched),
		cmocka_unit_test(test_touched_pages_are_counted),
		cmocka_unit_test(test_pages_only_read),
		cmocka_unit_test(test_touched_pages),
		cmocka_unit_test(test_edges_of_arenas),
		cmocka_unit_test(test_pages_that_went_back),
		cmocka_unit_test(test_another_process),
		cmocka_unit_test(test_no_process_and_no_arenas),
	};

	page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
