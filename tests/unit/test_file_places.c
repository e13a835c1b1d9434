// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where a file is mapped: in hand-made mappings, and in this very process, which maps a file of its
 * own in several pieces.
 */
#include "target/file_places.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/live.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define PAGE 4096UL

static const struct mapping file = {.inode = 7, .dev_major = 8, .dev_minor = 1};

static struct mapping map_of(uint64_t start, uint64_t end, uint64_t offset, uint64_t inode)
{
	return (struct mapping){.start = start,
				.end = end,
				.offset = offset,
				.inode = inode,
				.dev_major = 8,
				.dev_minor = 1};
}

static void assert_place(const struct file_place *place, uint64_t start, uint64_t end,
			 uint64_t offset)
{
	assert_int_equal(place->start, start);
	assert_int_equal(place->end, end);
	assert_int_equal(place->offset, offset);
}

static void test_neighbours_are_joined(void **state)
{
	struct mapping maps[] = {
		map_of(0x1000, 0x2000, 0, 7),
		map_of(0x2000, 0x5000, 0x1000, 7), /* continues the first */
		map_of(0x5000, 0x6000, 0x3000, 7), /* does not continue it */
		map_of(0x6000, 0x7000, 0, 0),
		map_of(0x7000, 0x8000, 0x4000, 7), /* nor is it adjacent */
		map_of(0x8000, 0x9000, 0x5000, 8),
		map_of(0x9000, 0xa000, 0x6000, 7),
	};
	struct file_places places;

	(void)state;
	maps[6].dev_minor = 2;
	assert_int_equal(file_places__collect(&places, maps, ARRAY_SIZE(maps), &file), 0);
	assert_int_equal(places.cnt, 3);
	assert_place(&places.items[0], 0x1000, 0x5000, 0);
	assert_place(&places.items[1], 0x5000, 0x6000, 0x3000);
	assert_place(&places.items[2], 0x7000, 0x8000, 0x4000);
}

static void test_too_many(void **state)
{
	struct mapping maps[FILE_PLACES_MAX + 1];
	struct file_places places = {.cnt = 77};

	(void)state;
	for (size_t i = 0; i <= FILE_PLACES_MAX; i++)
		maps[i] = map_of(0x10000 * (i + 1), 0x10000 * (i + 1) + PAGE, 0, 7);
	assert_int_equal(file_places__collect(&places, maps, FILE_PLACES_MAX + 1, &file), -E2BIG);
	assert_int_equal(places.cnt, 77);
	assert_int_equal(file_places__collect(&places, maps, FILE_PLACES_MAX, &file), 0);
	assert_int_equal(places.cnt, FILE_PLACES_MAX);
}

/*
 * A named file of four pages: processes that may not use map_files open it by its name. The caller
 * closes it.
 */
static int make_file(char *path)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4 * PAGE), 0);
	return fd;
}

static void *map_file(int fd, size_t pages, uint64_t offset)
{
	void *bytes = mmap(NULL, pages * PAGE, PROT_READ, MAP_PRIVATE, fd, (off_t)offset);

	assert_ptr_not_equal(bytes, MAP_FAILED);
	return bytes;
}

static void test_of_a_process(void **state)
{
	char path[] = "/tmp/test_file_places.XXXXXX", other_path[] = "/tmp/test_file_places.XXXXXX";
	_cleanup_(target__freep) struct target *target = NULL;
	_cleanup_close_ int fd = make_file(path), other_fd = make_file(other_path);
	uint8_t *whole = map_file(fd, 4, 0);
	void *part = map_file(fd, 1, 2 * PAGE), *other = map_file(other_fd, 1, 0);
	struct file_places places;
	struct failure failure;
	bool found[2] = {};

	(void)state;
	assert_int_equal(live__open(&target, getpid(), &failure), 0);
	/* The middle has other permissions, so that the kernel shows three mappings. */
	assert_int_equal(mprotect(whole + PAGE, PAGE, PROT_NONE), 0);
	assert_int_equal(file_places__find(&places, target, fd, (uint64_t)(uintptr_t)whole), 0);
	assert_int_equal(places.cnt, 2);
	for (size_t i = 0; i < 2; i++) {
		found[0] |= places.items[i].start == (uint64_t)(uintptr_t)whole &&
			    places.items[i].end == (uint64_t)(uintptr_t)whole + 4 * PAGE &&
			    places.items[i].offset == 0;
		found[1] |= places.items[i].start == (uint64_t)(uintptr_t)part &&
			    places.items[i].end == (uint64_t)(uintptr_t)part + PAGE &&
			    places.items[i].offset == 2 * PAGE;
	}
	assert_true(found[0] && found[1]);
	assert_int_equal(file_places__find(&places, target, fd, (uint64_t)(uintptr_t)other),
			 -ESTALE);
	assert_int_equal(munmap(whole, 4 * PAGE), 0);
	assert_int_equal(file_places__find(&places, target, fd, (uint64_t)(uintptr_t)whole),
			 -ESTALE);
	assert_int_equal(file_places__find(&places, target, fd, (uint64_t)(uintptr_t)&places),
			 -ESTALE);
	munmap(part, PAGE);
	munmap(other, PAGE);
	unlink(path);
	unlink(other_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_neighbours_are_joined),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_of_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
