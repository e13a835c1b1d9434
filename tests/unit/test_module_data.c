// SPDX-License-Identifier: BSD-2-Clause
/*
 * This program has far more static data than is copied, and knows which of its pages it has
 * touched.
 */
#include "target/module_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_memory.h"
#include "prng.h"
#include "target/live.h"
#include "temp_file.h"
#include "tiny_elf.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define MIB	   (1UL << 20)
#define PAGE	   4096UL
#define HUGE_BYTES (512 * MIB)
#define FULL_BYTES (3 * MIB) /* all of these pages are touched */
#define MARK	   0x6b72616d5f617461UL

static uint8_t huge[HUGE_BYTES] __attribute__((aligned(4096)));
/* Three pages of the file, of which the middle one is written to. */
static volatile uint64_t initialized[3 * PAGE / 8]
	__attribute__((aligned(4096))) = {[PAGE / 8 - 1] = MARK, [2 * PAGE / 8] = MARK};

struct found {
	uint64_t marks[64];
	size_t mark_cnt;
	uint64_t bytes, end;
	size_t largest;
};

static int look(const struct data_piece *piece, void *context)
{
	struct found *found = context;

	assert_true(piece->address >= found->end);
	assert_true(piece->size && piece->extent >= piece->size);
	assert_true(piece->extent <= piece->size + DATA_TAIL_BYTES);
	found->end = piece->address + piece->size;
	found->bytes += piece->size;
	if (piece->size > found->largest)
		found->largest = piece->size;
	for (size_t at = -piece->address & 7; at < piece->size; at += 8) {
		uint64_t word;

		assert_true(at + sizeof(word) <= piece->extent);
		memcpy(&word, piece->bytes + at, sizeof(word));
		if (word != MARK)
			continue;
		assert_true(found->mark_cnt < ARRAY_SIZE(found->marks));
		found->marks[found->mark_cnt++] = piece->address + at;
	}
	return 0;
}

static bool has_mark(const struct found *found, const volatile void *at)
{
	size_t cnt = 0;

	for (size_t i = 0; i < found->mark_cnt; i++)
		cnt += found->marks[i] == (uint64_t)(uintptr_t)at;
	assert_true(cnt <= 1);
	return cnt;
}

static void mark(size_t at)
{
	*(volatile uint64_t *)(void *)(huge + at) = MARK;
}

static struct module *open_own_module(const struct target *target)
{
	struct module *module = NULL;

	assert_int_equal(module__open(&module, target,
				      target__find_mapping(target,
							   (uint64_t)(uintptr_t)open_own_module)),
			 0);
	return module;
}

static struct target *open_self(void)
{
	struct target *target = NULL;
	struct failure failure;

	assert_int_equal(live__open(&target, getpid(), &failure), 0);
	return target;
}

/* Marks at the edges of pieces, of pages, and far apart. */
static const size_t marked[] = {
	0,
	MIB - 8,
	MIB,
	FULL_BYTES - 8,
	100 * MIB + 8,
	101 * MIB - 8,
	300 * MIB,
	300 * MIB + 20 * PAGE,
	300 * MIB + 200 * PAGE,
	HUGE_BYTES - 8,
};

static void close_account(struct account **account)
{
	account__close(*account);
}

static void test_much_data_is_looked_through(void **state)
{
	/* It is closed after the process, which uses it to the end. */
	_cleanup_(close_account) struct account *account = NULL;
	_cleanup_(target__freep) struct target *target = open_self();
	_cleanup_(module__freep) struct module *module = open_own_module(target);
	_cleanup_(data_image__free) struct data_image image = {};
	struct found found = {};

	(void)state;
	memset(huge, 1, FULL_BYTES);
	for (size_t i = 0; i < ARRAY_SIZE(marked); i++)
		mark(marked[i]);
	initialized[PAGE / 8 + 1] = 1;
	/* Far less than the data, and less than what was touched. */
	assert_int_equal(account__new(&account, 2 * MIB, NULL), 0);
	target->memory->account = account;
	assert_int_equal(module__read_data(module, target->memory, &image), 0);
	assert_int_equal(data_image__visit(&image, target->memory, look, &found), 0);
	for (size_t i = 0; i < ARRAY_SIZE(marked); i++)
		assert_true(has_mark(&found, huge + marked[i]));
	assert_true(has_mark(&found, &initialized[PAGE / 8 - 1]));
	assert_true(has_mark(&found, &initialized[2 * PAGE / 8]));
	assert_int_equal(found.bytes, data_image__bytes(&image));
	assert_true(found.bytes < FULL_BYTES + 4 * MIB);
	assert_true(found.largest <= MIB);
}

static int stop_at_once(const struct data_piece *piece, void *context)
{
	size_t *cnt = context;

	(void)piece;
	return ++*cnt == 2 ? 77 : 0;
}

static void test_it_ends_when_that_is_said(void **state)
{
	_cleanup_(target__freep) struct target *target = open_self();
	_cleanup_(module__freep) struct module *module = open_own_module(target);
	_cleanup_(data_image__free) struct data_image image = {};
	size_t cnt = 0;

	(void)state;
	memset(huge, 1, FULL_BYTES);
	assert_int_equal(module__read_data(module, target->memory, &image), 0);
	assert_int_equal(data_image__visit(&image, target->memory, stop_at_once, &cnt), 77);
	assert_int_equal(cnt, 2);
}

/* Data no longer than the tail is in one piece, wherever it begins. */
static void test_nothing_is_torn(void **state)
{
	struct data_segment segment = {.address = 0x10000, .size = 3 * MIB + 104};
	struct data_image image = {.segments = &segment, .segment_cnt = 1};
	struct fake_memory memory;
	struct found found = {};
	uint64_t *words;

	(void)state;
	fake_memory__init(&memory);
	words = fake_memory__map(&memory, segment.address, segment.size);
	words[0] = words[MIB / 8 - 1] = words[MIB / 8] = words[3 * MIB / 8 + 12] = MARK;
	/* Data that cannot be read is zero, and costs little. */
	words[MIB / 8 + 40000] = MARK;
	fake_memory__punch_hole(&memory, segment.address + 2 * MIB, 8);
	words = fake_memory__at(&memory, segment.address, 8);
	assert_int_equal(data_image__visit(&image, &memory.memory, look, &found), 0);
	assert_int_equal(found.bytes, segment.size);
	assert_int_equal(found.mark_cnt, 5);
	assert_int_equal(found.marks[1], segment.address + MIB - 8);
	assert_int_equal(found.marks[2], segment.address + MIB);
	memory.error = -ESRCH;
	found = (struct found){};
	assert_int_equal(data_image__visit(&image, &memory.memory, look, &found), -ESRCH);
	fake_memory__release(&memory);
}

/*
 * A file states the size of its data; a false size must not make pyfrag use that much memory or
 * time.
 */
static void test_too_much_data(void **state)
{
	static const uint64_t sizes[] = {(64UL << 30) + 1, UINT64_MAX, UINT64_MAX / 2 + 1};
	struct fake_memory nothing;

	(void)state;
	fake_memory__init(&nothing);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_close_ int fd = -1;
		struct data_image image = {};
		struct module module = {};
		struct tiny_elf tiny;
		int err;

		tiny_elf__init(&tiny);
		/* Two segments that together are too large, even if their sum overflows. */
		tiny.segments[TINY_SEGMENT_CODE].p_flags |= PF_W;
		tiny.segments[TINY_SEGMENT_DATA].p_memsz = sizes[i];
		fd = temp_file__new(&tiny, sizeof(tiny));
		assert_int_equal(elf_file__open(&module.elf, fd), 0);
		err = module__read_data(&module, &nothing.memory, &image);
		elf_file__free(module.elf);
		assert_int_equal(err, -EFBIG);
		assert_null(image.segments);
	}
	fake_memory__release(&nothing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_much_data_is_looked_through),
		cmocka_unit_test(test_it_ends_when_that_is_said),
		cmocka_unit_test(test_nothing_is_torn),
		cmocka_unit_test(test_too_much_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
