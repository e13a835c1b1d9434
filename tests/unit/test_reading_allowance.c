// SPDX-License-Identifier: BSD-2-Clause
/*
 * Targets that would keep a reader busy forever, read with a small allowance. Each read of memory
 * takes a millisecond of CPU time here, so that the tests assert numbers of reads, not times.
 */
#include "target/reading_allowance.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_target.h"
#include "host/python_files.h"
#include "pymalloc/checkpoint.h"
#include "target/file_bytes.h"
#include "target/interpreter_list.h"
#include "target/live.h"
#include "target/live_memory.h"
#include "temp_file.h"
#include "tiny_elf.h"
#include "unit_test.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/cpu_allowance.h"
#include "util/file_digest.h"

#define MS	  1000000UL
#define ALLOWED_S 0.02
/* 20 reads of a millisecond, as many again within a tick of the coarse clock, and a margin. */
#define READINGS_MAX 60

struct slow {
	struct fake_target target;
	struct obmalloc obmalloc;
	uint64_t reading_cnt;
	bool is_slow; /* otherwise reads are only counted */
	/* What the target does meanwhile. */
	void (*change)(struct slow *slow, uint64_t address);
	uint64_t next;
};

static void work_for_a_while(void)
{
	uint64_t end_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) + MS;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end_ns)
		;
}

static void be_slow(void *context, uint64_t address, size_t size)
{
	struct slow *slow = context;

	(void)size;
	slow->reading_cnt++;
	if (slow->change)
		slow->change(slow, address);
	if (slow->is_slow)
		work_for_a_while();
}

static void make_slow(struct slow *slow)
{
	struct fake_options options = fake_target__options(NULL, FAKE_STATIC);

	*slow = (struct slow){};
	fake_target__init(&slow->target, &options);
	while (slow->target.pymalloc.arena_cnt < 2)
		fake_pymalloc__alloc(&slow->target.pymalloc, 512);
	fake_pymalloc__alloc(&slow->target.pymalloc, 16);
	slow->obmalloc = fake_target__locate(&slow->target);
	slow->target.memory.before_read = be_slow;
	slow->target.memory.context = slow;
}

static void release_slow(struct slow *slow)
{
	obmalloc__free(&slow->obmalloc);
	fake_target__release(&slow->target);
}

/* Reads the test itself, whose memory does not matter. */
static void begin(struct slow *slow)
{
	slow->is_slow = true;
	slow->reading_cnt = 0;
	reading_allowance__begin(READING_HEAP, getpid(), ALLOWED_S);
}

/* The reading that ended with @err was cut short because of its time, and says so. */
static void check_end(int err, const struct slow *slow, uint64_t readings_max)
{
	struct failure failure = {};

	assert_int_equal(err, -ETIME);
	assert_true(slow->reading_cnt <= readings_max);
	assert_int_equal(reading_allowance__end(getpid(), err, &failure), -ETIME);
	assert_non_null(strstr(failure.text, "(test_reading_a"));
	assert_non_null(strstr(failure.text, "--max-cpu"));
}

static int read_arenas(struct slow *slow)
{
	struct region *arenas = NULL;
	uint64_t skipped = 0;
	size_t cnt;
	int err = obmalloc__read_arenas(&slow->obmalloc, &slow->target.memory.memory, &arenas, &cnt,
					&skipped);

	account__free(arenas);
	return err;
}

/* Two arenas at the same address; retrying does not help. */
static void test_arenas_that_always_overlap(void **state)
{
	struct arena_object *slot;
	struct slow slow;

	(void)state;
	make_slow(&slow);
	slot = fake_pymalloc__slot(&slow.target.pymalloc, 1);
	slot->address = fake_pymalloc__slot(&slow.target.pymalloc, 0)->address;
	slot->pool_address = geometry__first_pool(&slow.obmalloc.geometry, slot->address);
	slot->nfreepools = slot->ntotalpools;
	slot->freepools = 0;
	assert_int_equal(read_arenas(&slow), -EUCLEAN);
	assert_true(slow.reading_cnt > 2 * READINGS_MAX);
	begin(&slow);
	check_end(read_arenas(&slow), &slow, READINGS_MAX);
	release_slow(&slow);
}

/* A table that is inconsistent, however often it is read. */
static void test_a_table_that_is_always_torn(void **state)
{
	struct slow slow;

	(void)state;
	make_slow(&slow);
	fake_pymalloc__slot(&slow.target.pymalloc, 0)->ntotalpools = 5;
	assert_int_equal(read_arenas(&slow), -EAGAIN);
	assert_true(slow.reading_cnt > READINGS_MAX);
	begin(&slow);
	check_end(read_arenas(&slow), &slow, READINGS_MAX);
	release_slow(&slow);
}

static int read_heap(struct slow *slow, struct checkpoint_counts *counts)
{
	struct heap *heap = NULL;
	int err =
		checkpoint__read(&heap, &slow->obmalloc, &slow->target.memory.memory, NULL, counts);

	heap__free(heap);
	return err;
}

/*
 * Pools that change all the time, and so are retried again and again; they are not accepted as
 * torn.
 */
static void test_pools_that_are_always_torn(void **state)
{
	struct checkpoint_counts counts = {};
	struct slow slow;
	uint64_t pool_size, pool_cnt; /* all of them are read at once */

	(void)state;
	make_slow(&slow);
	pool_size = slow.obmalloc.geometry.pool_size;
	pool_cnt = 2 * slow.obmalloc.geometry.arena_size / pool_size;
	for (size_t i = 0; i < slow.target.pymalloc.block_cnt; i++) {
		uint64_t address = slow.target.pymalloc.blocks[i].address;

		fake_pymalloc__pool(&slow.target.pymalloc, address - address % pool_size)->szidx =
			SIZE_CLASSES_MAX;
	}
	assert_int_equal(read_heap(&slow, &counts), 0);
	assert_true(counts.unresolved_spans > 0);
	assert_true(slow.reading_cnt > 2 * (READINGS_MAX + pool_cnt));
	counts = (struct checkpoint_counts){};
	begin(&slow);
	check_end(read_heap(&slow, &counts), &slow, READINGS_MAX + pool_cnt);
	assert_int_equal(counts.unresolved_spans, 0);
	assert_int_equal(counts.unreadable_spans, 0);
	release_slow(&slow);
}

/* When a word of the list is read, it is replaced by one that continues the list. */
static void lengthen_list(struct slow *slow, uint64_t address)
{
	*fake_memory__word(&slow->target.memory, address) = address + sizeof(uint64_t);
}

static void test_a_list_without_end(void **state)
{
	uint64_t *interpreters = NULL;
	struct slow slow;
	size_t cnt;

	(void)state;
	make_slow(&slow);
	fake_memory__map(&slow.target.memory, 0x10000, 1 << 20);
	slow.change = lengthen_list;
	begin(&slow);
	check_end(interpreter_list__read(0x10000, 0, &slow.target.memory.memory, &interpreters,
					 &cnt),
		  &slow, READINGS_MAX);
	assert_null(interpreters);
	release_slow(&slow);
}

/* Makes the thread use up an allowance. */
static void use_up(void)
{
	cpu_allowance__begin(MS);
	while (!cpu_allowance__check())
		;
}

/*
 * Data that could not be read in time does not count as missing, neither of a process nor of a
 * file.
 */
static void test_too_late_is_not_missing(void **state)
{
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	_cleanup_close_ int fd = -1;
	struct live_memory memory;
	struct file_digest digest;
	struct elf_symbol symbol;
	struct failure failure;
	struct tiny_elf tiny;
	uint64_t word = 42, read;

	(void)state;
	tiny_elf__init(&tiny);
	fd = temp_file__new(&tiny, sizeof(tiny));
	assert_int_equal(elf_file__open(&elf, fd), 0);
	live_memory__init(&memory, getpid());
	use_up();
	assert_int_equal(memory__read(&memory.memory, (uintptr_t)&word, &read, sizeof(read)),
			 -ETIME);
	assert_false(memory__is_missing(-ETIME));
	assert_int_equal(file_bytes__read_at(fd, 0, &read, sizeof(read)), -ETIME);
	assert_int_equal(elf_file__find_symbol(elf, "none", &symbol), -ETIME);
	assert_int_equal(file_digest__compute(&digest, fd, UINT64_MAX, -1), -ETIME);
	/* A caller that ignores the error gets it at the end. */
	assert_int_equal(reading_allowance__end(getpid(), 0, &failure), -ETIME);
	assert_int_equal(memory__read(&memory.memory, (uintptr_t)&word, &read, sizeof(read)), 0);
	assert_int_equal(read, 42);
	assert_int_equal(elf_file__find_symbol(elf, "none", &symbol), -ENOENT);
}

/* A file that could not be examined in time is not remembered as not being a Python. */
static void test_too_late_is_no_verdict(void **state)
{
	_cleanup_(target__freep) struct target *target = NULL;
	struct python_files *files;
	struct failure failure;
	bool is_python;

	(void)state;
	assert_int_equal(live__open(&target, getpid(), &failure), 0);
	assert_int_equal(python_files__new(&files, PYTHON_FILES_BYTES_MAX), 0);
	use_up();
	assert_int_equal(python_files__find(files, target, &is_python), -ETIME);
	assert_int_equal(cpu_allowance__end(), -ETIME);
	assert_int_equal(python_files__find(files, target, &is_python), 0);
	python_files__free(files);
}

static void test_more_memory_gives_more_time(void **state)
{
	const enum reading_kind kinds[] = {READING_HEAP, READING_REFERENCES};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		assert_true(reading_allowance__seconds(kinds[i], 0) == READING_BASE_S);
		assert_true(reading_allowance__seconds(kinds[i], 3UL << 30) ==
			    READING_BASE_S + 3 * (i ? READING_REFERENCES_S_PER_GIB
						    : READING_HEAP_S_PER_GIB));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arenas_that_always_overlap),
		cmocka_unit_test(test_a_table_that_is_always_torn),
		cmocka_unit_test(test_pools_that_are_always_torn),
		cmocka_unit_test(test_a_list_without_end),
		cmocka_unit_test(test_too_late_is_not_missing),
		cmocka_unit_test(test_too_late_is_no_verdict),
		cmocka_unit_test(test_more_memory_gives_more_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
