// SPDX-License-Identifier: BSD-2-Clause
/* The test's own memory, of which it knows which pages were ever written. */
#include "target/live_pages.h"

#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "child.h"
#include "prng.h"
#include "unit_test.h"
#include "util/array.h"
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

#define PARTS 150

/* Ranges by address, in the pages of which every third one is there; some share a page. */
static void make_parts(uint8_t *bytes, struct resident_range parts[PARTS])
{
	uint64_t random = 9, at = 0;

	for (size_t page = 0; page < ARENAS * ARENA_PAGES; page++)
		bytes[page * page_bytes] = prng__below(&random, 3) ? 0 : 1;
	for (size_t page = 0; page < ARENAS * ARENA_PAGES; page++)
		if (!bytes[page * page_bytes])
			madvise(bytes + page * page_bytes, page_bytes, MADV_DONTNEED);
	for (size_t i = 0; i < PARTS; i++) {
		at += prng__below(&random, 3) ? prng__below(&random, 3000) : 0;
		parts[i] = (struct resident_range){.address = (uintptr_t)bytes + at,
						   .size = prng__below(&random, 4000)};
		at += parts[i].size;
	}
	assert_true(at < ARENAS * ARENA_PAGES * page_bytes);
}

/* Ranges near to each other are measured together, with the same result as apart. */
static void test_ranges_near_to_each_other(void **state)
{
	uint8_t *bytes = map_arenas();
	struct resident_range together[PARTS], apart[PARTS];

	(void)state;
	make_parts(bytes, together);
	memcpy(apart, together, sizeof(apart));
	assert_int_equal(live_pages__measure(getpid(), together, PARTS), 0);
	for (size_t i = 0; i < PARTS; i++) {
		assert_int_equal(live_pages__measure(getpid(), &apart[i], 1), 0);
		assert_int_equal(together[i].resident_bytes, apart[i].resident_bytes);
	}
	unmap_arenas(bytes);
}

/* How a process sees its own pages. */
struct view {
	bool can_scan; /* the kernel says which pages are the zero page */
	bool has_rights;
};

/* Makes the kernel one before 6.7: it does not know the request. */
static void forbid_scans(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {.len = ARRAY_SIZE(program), .filter = program};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

static bool kernel_can_scan(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	assert_int_equal(uname(&name), 0);
	assert_int_equal(sscanf(name.release, "%d.%d", &major, &minor), 2);
	return major > 6 || (major == 6 && minor >= 7);
}

/*
 * Half of an arena was read and never written: it consists of zero pages, which count only where
 * that cannot be seen, and then that is said. Returns 0 if all is well.
 */
static int count_zero_pages(void *argument)
{
	const struct view *view = argument;
	uint8_t *bytes = map_arenas();
	const volatile uint8_t *page = bytes;
	struct resident_range range = arena_range(bytes);
	bool is_exact;
	uint8_t sum = 0;

	/* Without the second call, the files of its own directory in /proc are root's. */
	if (!view->has_rights && (child__drop_rights() || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)))
		return 1;
	if (!view->can_scan)
		forbid_scans();
	is_exact = (view->can_scan && kernel_can_scan()) || (view->has_rights && !geteuid());
	for (size_t i = 0; i < ARENA_PAGES / 2; i++)
		sum |= page[i * page_bytes];
	bytes[ARENA_PAGES * page_bytes - 1] = 1;
	if (sum || live_pages__measure(getpid(), &range, 1) ||
	    live_pages__knows_zero_page(getpid()) != is_exact)
		return 2;
	return range.resident_bytes == (is_exact ? 1 : ARENA_PAGES / 2 + 1) * page_bytes ? 0 : 3;
}

static void test_pages_only_read(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct view view = {.can_scan = i & 1, .has_rights = i & 2 || geteuid()};

		assert_int_equal(child__run(count_zero_pages, &view), 0);
	}
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

/* Where no swap space is in use, nothing is swapped out: the kernel accepts the question. */
static void test_nothing_swapped_out(void **state)
{
	struct sysinfo info;

	(void)state;
	assert_int_equal(sysinfo(&info), 0);
	if (info.freeswap == info.totalswap)
		assert_int_equal(live_pages__has_swapped(getpid()),
				 kernel_can_scan() ? 0 : -ENODATA);
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
		cmocka_unit_test(test_ranges_near_to_each_other),
		cmocka_unit_test(test_pages_only_read),
		cmocka_unit_test(test_touched_pages),
		cmocka_unit_test(test_edges_of_arenas),
		cmocka_unit_test(test_pages_that_went_back),
		cmocka_unit_test(test_another_process),
		cmocka_unit_test(test_nothing_swapped_out),
		cmocka_unit_test(test_no_process_and_no_arenas),
	};

	page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
