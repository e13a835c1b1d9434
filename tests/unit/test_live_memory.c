// SPDX-License-Identifier: BSD-2-Clause
/*
 * process_vm_readv(2) reports a failure only by a short count. These tests put holes where the
 * count could be matched to the wrong ranges.
 */
#include "target/live_memory.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define PAGE	  4096UL
#define PAGES	  64
#define UNTOUCHED 0xa5

/* A region with known content, in which some pages cannot be read. */
struct region {
	uint8_t *bytes;
	bool unreadable[PAGES];
};

static uint8_t byte_at(size_t offset)
{
	return (uint8_t)(offset * 0x9e3779b1U >> 13);
}

static uint64_t address_of(const volatile void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

static void make_region(struct region *region)
{
	*region = (struct region){};
	region->bytes = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(region->bytes, MAP_FAILED);
	for (size_t i = 0; i < PAGES * PAGE; i++)
		region->bytes[i] = byte_at(i);
}

static void free_region(struct region *region)
{
	/* The pages unmapped before were not reused: nothing here maps memory in between. */
	munmap(region->bytes, PAGES * PAGE);
}

static void protect_page(struct region *region, size_t page)
{
	assert_int_equal(mprotect(region->bytes + page * PAGE, PAGE, PROT_NONE), 0);
	region->unreadable[page] = true;
}

static void unmap_page(struct region *region, size_t page)
{
	assert_int_equal(munmap(region->bytes + page * PAGE, PAGE), 0);
	region->unreadable[page] = true;
}

static bool is_readable(const struct region *region, size_t offset, size_t size)
{
	for (size_t page = offset / PAGE; page <= (offset + size - 1) / PAGE; page++)
		if (region->unreadable[page])
			return false;
	return true;
}

/* Ranges in a region, each with a buffer that has one byte more than may be written. */
struct request {
	struct memory_range *ranges;
	size_t *offsets;
	uint8_t *buffers;
	size_t cnt, size_max;
};

static void make_request(struct request *request, size_t cnt, size_t size_max)
{
	request->cnt = cnt;
	request->size_max = size_max;
	/* Before the pages are unmapped, because malloc() might otherwise fill the hole. */
	request->ranges = calloc(cnt, sizeof(*request->ranges));
	request->offsets = calloc(cnt, sizeof(*request->offsets));
	request->buffers = malloc(cnt * (size_max + 1));
	assert_true(request->ranges && request->offsets && request->buffers);
	memset(request->buffers, UNTOUCHED, cnt * (size_max + 1));
}

static void free_request(struct request *request)
{
	free(request->ranges);
	free(request->offsets);
	free(request->buffers);
}

static void set_range(struct request *request, const struct region *region, size_t index,
		      size_t offset, size_t size)
{
	request->offsets[index] = offset;
	request->ranges[index] = (struct memory_range){
		.address = address_of(region->bytes) + offset,
		.buffer = request->buffers + index * (request->size_max + 1),
		.size = size,
		.failed = index & 1, /* the previous value must not matter */
	};
}

static void assert_right(const struct request *request, const struct region *region)
{
	for (size_t i = 0; i < request->cnt; i++) {
		const struct memory_range *range = &request->ranges[i];
		const uint8_t *buffer = range->buffer;
		size_t offset = request->offsets[i];

		assert_int_equal(range->failed, !is_readable(region, offset, range->size));
		assert_int_equal(buffer[range->size], UNTOUCHED);
		for (size_t at = 0; at < range->size && !range->failed; at++)
			if (buffer[at] != byte_at(offset + at))
				fail_msg("range %zu, byte %zu", i, at);
	}
}

static void read_own(struct request *request)
{
	struct live_memory memory;

	live_memory__init(&memory, getpid());
	assert_int_equal(memory__read_ranges(&memory.memory, request->ranges, request->cnt), 0);
}

static void test_more_ranges_than_a_call_takes(void **state)
{
	struct request request;
	struct region region;
	uint64_t random = 1;

	(void)state;
	make_region(&region);
	make_request(&request, 3 * IOV_MAX + 7, 200);
	for (size_t i = 0; i < request.cnt; i++)
		set_range(&request, &region, i, prng__below(&random, PAGES * PAGE - 200),
			  1 + prng__below(&random, 200));
	read_own(&request);
	assert_right(&request, &region);
	free_request(&request);
	free_region(&region);
}

/* Exactly as many ranges as a call takes, and one more or less. */
static void test_numbers_of_ranges_around_the_limit(void **state)
{
	static const size_t cnts[] = {0, 1, IOV_MAX - 1, IOV_MAX, IOV_MAX + 1, 2 * IOV_MAX};
	struct region region;

	(void)state;
	make_region(&region);
	for (size_t i = 0; i < ARRAY_SIZE(cnts); i++) {
		struct request request;

		make_request(&request, cnts[i] + 1, 8);
		request.cnt = cnts[i];
		for (size_t at = 0; at < request.cnt; at++)
			set_range(&request, &region, at, at * 8, 8);
		read_own(&request);
		assert_right(&request, &region);
		free_request(&request);
	}
	free_region(&region);
}

static void test_holes_anywhere(void **state)
{
	uint64_t random = 2;

	(void)state;
	for (int round = 0; round < 10; round++) {
		struct request request;
		struct region region;

		make_region(&region);
		/* Up to three pages, so that holes are at the beginning, at the end and inside. */
		make_request(&request, 1500, 2 * PAGE + 10);
		for (size_t page = 0; page < PAGES; page++) {
			uint32_t fate = prng__below(&random, 8);

			if (fate == 0)
				protect_page(&region, page);
			else if (fate == 1)
				unmap_page(&region, page);
		}
		for (size_t i = 0; i < request.cnt; i++) {
			size_t size =
				1 + (prng__below(&random, 4) ? prng__below(&random, 64)
							     : prng__below(&random, 2 * PAGE + 10));

			set_range(&request, &region, i,
				  prng__below(&random, (uint32_t)(PAGES * PAGE - size)), size);
		}
		read_own(&request);
		assert_right(&request, &region);
		free_request(&request);
		free_region(&region);
	}
}

/* Each range is a page; bad ones at both ends, at both sides of IOV_MAX, and in a row across it. */
static void test_holes_at_the_ends_of_calls(void **state)
{
	struct request request;
	struct region region;

	(void)state;
	make_region(&region);
	make_request(&request, 2 * IOV_MAX + 2, PAGE);
	protect_page(&region, 1);
	unmap_page(&region, 2);
	for (size_t i = 0; i < request.cnt; i++) {
		bool bad = i == 0 || i + 1 == request.cnt ||
			   (i >= IOV_MAX - 2 && i < IOV_MAX + 3) || i == 2 * IOV_MAX;

		set_range(&request, &region, i, (bad ? 1 + (i & 1) : 3) * PAGE, PAGE);
	}
	read_own(&request);
	assert_right(&request, &region);
	free_request(&request);
	free_region(&region);
}

static void test_nothing_readable(void **state)
{
	struct request request;
	struct region region;

	(void)state;
	make_region(&region);
	make_request(&request, IOV_MAX + 1, 16);
	protect_page(&region, 0);
	for (size_t i = 0; i < request.cnt; i++)
		set_range(&request, &region, i, i % (PAGE - 16), 16);
	read_own(&request);
	assert_right(&request, &region);
	free_request(&request);
	free_region(&region);
}

/* A range that ends in a hole has failed, however many bytes were copied. */
static void test_page_edges(void **state)
{
	struct request request;
	struct region region;

	(void)state;
	make_region(&region);
	make_request(&request, 6, PAGE);
	unmap_page(&region, 1);
	set_range(&request, &region, 0, PAGE - 8, 8);
	set_range(&request, &region, 1, PAGE - 8, 9);
	set_range(&request, &region, 2, 2 * PAGE - 1, 2);
	set_range(&request, &region, 3, 2 * PAGE, 8);
	set_range(&request, &region, 4, 0, PAGE);
	set_range(&request, &region, 5, 1, PAGE);
	read_own(&request);
	assert_false(request.ranges[0].failed);
	assert_true(request.ranges[1].failed);
	assert_true(request.ranges[2].failed);
	assert_false(request.ranges[3].failed);
	assert_false(request.ranges[4].failed);
	assert_true(request.ranges[5].failed);
	assert_right(&request, &region);
	free_request(&request);
	free_region(&region);
}

static void test_one_range(void **state)
{
	struct live_memory memory;
	struct region region;
	uint8_t buffer[32];

	(void)state;
	make_region(&region);
	unmap_page(&region, 1);
	live_memory__init(&memory, getpid());
	assert_int_equal(memory__read(&memory.memory, address_of(region.bytes) + 100, buffer,
				      sizeof(buffer)),
			 0);
	for (size_t i = 0; i < sizeof(buffer); i++)
		assert_int_equal(buffer[i], byte_at(100 + i));
	assert_int_equal(memory__read(&memory.memory, address_of(region.bytes) + PAGE - 1, buffer,
				      sizeof(buffer)),
			 -EFAULT);
	assert_int_equal(memory__read(&memory.memory, 0, buffer, sizeof(buffer)), -EFAULT);
	/* The kernel's half, and an address that does not exist on x86-64. */
	assert_int_equal(memory__read(&memory.memory, UINT64_MAX - 63, buffer, sizeof(buffer)),
			 -EFAULT);
	assert_int_equal(memory__read(&memory.memory, 1UL << 62, buffer, sizeof(buffer)), -EFAULT);
	free_region(&region);
}

static volatile int shared_until_written = 1;

static int write_and_wait(void *argument)
{
	char byte;

	(void)argument;
	shared_until_written = 2;
	return write(STDOUT_FILENO, "", 1) == 1 && read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1;
}

/* The same address in another process. */
static void test_another_process(void **state)
{
	struct live_memory memory;
	struct child child;
	int value = 0;

	(void)state;
	child__fork(&child, write_and_wait, NULL);
	child__wait_until_ready(&child);
	live_memory__init(&memory, child.pid);
	assert_int_equal(memory__read(&memory.memory, address_of(&shared_until_written), &value,
				      sizeof(value)),
			 0);
	assert_int_equal(value, 2);
	assert_int_equal(shared_until_written, 1);

	child__kill(&child);
	assert_int_equal(memory__read(&memory.memory, address_of(&shared_until_written), &value,
				      sizeof(value)),
			 -ESRCH);
}

static int read_as_nobody(void *argument)
{
	struct live_memory memory;
	int value, err;

	if (child__drop_rights())
		return 0;
	live_memory__init(&memory, *(pid_t *)argument);
	err = memory__read(&memory.memory, address_of(&shared_until_written), &value,
			   sizeof(value));
	return -err;
}

static void test_not_allowed(void **state)
{
	pid_t own = getpid();

	(void)state;
	child__skip_unless_root("becoming another user");
	assert_int_equal(child__run(read_as_nobody, &own), EPERM);
}

/* A source that is not a process: its results are passed on. */
struct scripted_memory {
	struct memory memory;
	int result;
	bool fails;
};

static int read_scripted(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	const struct scripted_memory *scripted = (const struct scripted_memory *)memory;

	for (size_t i = 0; i < cnt; i++) {
		ranges[i].failed = scripted->fails;
		memset(ranges[i].buffer, (int)ranges[i].address, ranges[i].size);
	}
	return scripted->result;
}

static void test_any_source(void **state)
{
	struct scripted_memory source = {.memory.read_ranges = read_scripted};
	struct memory_range ranges[2];
	char bytes[4] = "";

	(void)state;
	assert_int_equal(memory__read(&source.memory, 'x', bytes, 3), 0);
	assert_string_equal(bytes, "xxx");
	source.fails = true;
	assert_int_equal(memory__read(&source.memory, 'x', bytes, 3), -EFAULT);
	source.result = -ESRCH;
	assert_int_equal(memory__read(&source.memory, 'x', bytes, 3), -ESRCH);
	source.result = 0;
	ranges[0] = (struct memory_range){.address = 'a', .buffer = bytes, .size = 1};
	ranges[1] = (struct memory_range){.address = 'b', .buffer = bytes + 1, .size = 1};
	assert_int_equal(memory__read_ranges(&source.memory, ranges, 2), 0);
	assert_true(ranges[0].failed && ranges[1].failed);
	assert_string_equal(bytes, "abx");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_more_ranges_than_a_call_takes),
		cmocka_unit_test(test_numbers_of_ranges_around_the_limit),
		cmocka_unit_test(test_holes_anywhere),
		cmocka_unit_test(test_holes_at_the_ends_of_calls),
		cmocka_unit_test(test_nothing_readable),
		cmocka_unit_test(test_page_edges),
		cmocka_unit_test(test_one_range),
		cmocka_unit_test(test_another_process),
		cmocka_unit_test(test_not_allowed),
		cmocka_unit_test(test_any_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
