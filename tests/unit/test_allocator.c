// SPDX-License-Identifier: BSD-2-Clause
/* Finding the heaps of several allocators in one target, and one that has none. */
#include "heap/allocator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sample_heap.h"
#include "source/allocators.h"
#include "stub_allocator.h"
#include "unit_test.h"

/* An allocator that has @heap_cnt heaps in a target, and then fails with @locate_err if not 0. */
static int heap_cnt, locate_err, freed_cnt;

static const struct allocator plenty;

static int locate_plenty(struct target_heaps *heaps, const struct heap_context *context,
			 struct failure *failure)
{
	for (int i = 0; i < heap_cnt; i++) {
		struct target_heap *target_heap = calloc(1, sizeof(*target_heap));

		assert_non_null(target_heap);
		*target_heap = (struct target_heap){
			.allocator = &plenty,
			.context = *context,
			.layout = pymalloc_layout__of(&sample_geometry),
		};
		assert_int_equal(target_heaps__add(heaps, target_heap), 0);
	}
	return locate_err ? failure__set(failure, locate_err, "plenty fails") : 0;
}

static void free_one(struct target_heap *target_heap)
{
	freed_cnt++;
	free(target_heap);
}

static const struct allocator plenty = {
	.name = "plenty",
	.locate = locate_plenty,
	.free = free_one,
};

static int find(struct target_heaps *out, const struct allocator *const *table,
		struct failure *failure)
{
	const struct heap_context context = {};

	freed_cnt = 0;
	return target_heaps__find(out, table, &context, failure);
}

static void test_no_allocator_has_a_heap(void **state)
{
	const struct allocator *const table[] = {&stub_allocator, NULL};
	struct target_heaps heaps = {};
	struct failure failure;

	(void)state;
	assert_int_equal(find(&heaps, table, &failure), -ENODATA);
	assert_string_equal(failure.text, "no heap of the stub");
	assert_int_equal(heaps.cnt, 0);
}

/* The program has the stub's like in its table, and asks it as it asks the others. */
static void test_stub_beside_those_of_the_program(void **state)
{
	struct target_heaps heaps = {};
	struct failure failure;

	(void)state;
	assert_non_null(allocators[0]);
	for (size_t i = 0; allocators[i]; i++) {
		const struct allocator *const table[] = {&stub_allocator, &plenty, allocators[i],
							 NULL};
		struct python python = {.free_threaded = true, .version = "3.13.1"};
		struct target process = {.pid = 1, .comm = (char[]){"python3"}};
		const struct heap_context context = {.target = &process, .python = &python};

		heap_cnt = 1;
		locate_err = 0;
		assert_int_equal(target_heaps__find(&heaps, table, &context, &failure), 0);
		assert_int_equal(heaps.cnt, 1);
		assert_string_equal(heaps.items[0]->allocator->name, "plenty");
		target_heaps__free(&heaps);
	}
}

static void test_several_heaps_of_several_allocators(void **state)
{
	const struct allocator *const table[] = {&plenty, &stub_allocator, &plenty, NULL};
	struct target_heaps heaps = {};
	struct failure failure;

	(void)state;
	heap_cnt = 3;
	locate_err = 0;
	assert_int_equal(find(&heaps, table, &failure), 0);
	assert_int_equal(heaps.cnt, 6);
	assert_int_equal(freed_cnt, 0);
	target_heaps__free(&heaps);
	assert_int_equal(freed_cnt, 6);
	assert_int_equal(heaps.cnt, 0);
}

/* What was found before is freed, and it is the failure of that allocator that is reported. */
static void test_other_errors_end_it(void **state)
{
	const struct allocator *const table[] = {&stub_allocator, &plenty, &stub_allocator, NULL};
	struct target_heaps heaps = {};
	struct failure failure;

	(void)state;
	heap_cnt = 2;
	locate_err = -EAGAIN;
	assert_int_equal(find(&heaps, table, &failure), -EAGAIN);
	assert_string_equal(failure.text, "plenty fails");
	assert_int_equal(heaps.cnt, 0);
	assert_int_equal(freed_cnt, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_allocator_has_a_heap),
		cmocka_unit_test(test_stub_beside_those_of_the_program),
		cmocka_unit_test(test_several_heaps_of_several_allocators),
		cmocka_unit_test(test_other_errors_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
