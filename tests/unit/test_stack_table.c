// SPDX-License-Identifier: BSD-2-Clause
#include "stacks/stack_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_code.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define CODE	0x7f0000010000UL
#define ONE	CODE
#define TWO	(CODE + FAKE_CODE_BYTES)
#define THREE	(CODE + 2 * FAKE_CODE_BYTES)
#define NOWHERE 0x123450000UL
#define AMPLE	(16UL << 20)

static const struct fake_code one = {"one", "Site.one", "/srv/site.py", 40, 7};
static const struct fake_code two = {"two", "Site.two", "/srv/site.py", 90, 3};
static const struct fake_code three = {"<module>", "<module>", "/srv/main.py", 1, 0};

struct fixture {
	struct fake_memory memory;
	struct stack_table *table;
	uint64_t forgotten[16];
	size_t forgotten_cnt;
};

static void use_table_of(struct fixture *fixture, size_t bytes_max)
{
	stack_table__free(fixture->table);
	assert_int_equal(stack_table__new(&fixture->table, &FAKE_OFFSETS, &fixture->memory.memory,
					  bytes_max),
			 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fake_memory__init(&fixture->memory);
	fake_code__map_type(&fixture->memory);
	fake_code__map(&fixture->memory, ONE, &one);
	fake_code__map(&fixture->memory, TWO, &two);
	fake_code__map(&fixture->memory, THREE, &three);
	use_table_of(fixture, AMPLE);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	stack_table__free(fixture->table);
	fake_memory__release(&fixture->memory);
	free(fixture);
	return 0;
}

/* Records stacks of one frame, two, ..., given by the addresses of their code. */
#define TELL(fixture, number, ...)                                                                 \
	tell(fixture, number, (const uint64_t[]){__VA_ARGS__},                                     \
	     sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void tell(struct fixture *fixture, uint64_t number, const uint64_t *codes, size_t cnt)
{
	struct pyfrag_stack stack;

	fake_code__make_stack(&stack, number, codes, (uint32_t)cnt);
	assert_int_equal(stack_table__add(fixture->table, &stack), 0);
}

static struct stack get(struct fixture *fixture, uint64_t number)
{
	uint32_t index = stack_table__find(fixture->table, number);

	assert_true(index < stack_table__cnt(fixture->table));
	return stack_table__get(fixture->table, index);
}

static void check_frame(const struct stack *stack, uint32_t index, const char *function,
			const char *file, int32_t line)
{
	const struct stack_frame *frame = &stack->frames[index];

	assert_true(index < stack->frame_cnt);
	assert_string_equal(frame->function, function);
	assert_string_equal(frame->file, file);
	assert_int_equal(frame->line, line);
}

static void check_counts(const struct fixture *fixture, uint64_t unnamed, uint64_t retired,
			 uint64_t unkept)
{
	const struct stack_table_counts *counts = stack_table__counts(fixture->table);

	assert_int_equal(counts->unnamed_frames, unnamed);
	assert_int_equal(counts->retired_stacks, retired);
	assert_int_equal(counts->unkept_stacks, unkept);
}

static void note_forgotten(uint64_t number, void *context)
{
	struct fixture *fixture = context;

	assert_true(fixture->forgotten_cnt < ARRAY_SIZE(fixture->forgotten));
	fixture->forgotten[fixture->forgotten_cnt++] = number;
}

static void ignore_forgotten(uint64_t number, void *context)
{
	(void)number;
	(void)context;
}

/* Returns the number of stacks that were dropped. */
static size_t review(struct fixture *fixture)
{
	fixture->forgotten_cnt = 0;
	assert_int_equal(stack_table__review(fixture->table, note_forgotten, fixture), 0);
	return fixture->forgotten_cnt;
}

static void test_names(void **state)
{
	struct fixture *fixture = *state;
	struct stack stack;

	assert_int_equal(stack_table__cnt(fixture->table), 0);
	assert_int_equal(stack_table__find(fixture->table, 11), STACK_UNKNOWN);
	TELL(fixture, 11, ONE, TWO, THREE);
	TELL(fixture, 12, TWO);
	stack = get(fixture, 11);
	assert_int_equal(stack.frame_cnt, 3);
	assert_false(stack.truncated);
	check_frame(&stack, 0, "Site.one", "/srv/site.py", 47);
	check_frame(&stack, 1, "Site.two", "/srv/site.py", 93);
	check_frame(&stack, 2, "<module>", "/srv/main.py", 1);
	stack = get(fixture, 12);
	assert_int_equal(stack.frame_cnt, 1);
	check_frame(&stack, 0, "Site.two", "/srv/site.py", 93);
	assert_int_equal(stack_table__find(fixture->table, 11), 0);
	assert_int_equal(stack_table__find(fixture->table, 12), 1);
	assert_int_equal(stack_table__find(fixture->table, 13), STACK_UNKNOWN);
	check_counts(fixture, 0, 0, 0);
}

/* No number is 0, and a record has a limited number of frames. */
static void test_records_that_cannot_be(void **state)
{
	struct fixture *fixture = *state;
	struct pyfrag_stack stack;

	TELL(fixture, 0, ONE);
	fake_code__make_stack(&stack, 5, NULL, 0);
	stack.frame_cnt = PYFRAG_STACK_DEPTH_MAX + 1;
	assert_int_equal(stack_table__add(fixture->table, &stack), 0);
	assert_int_equal(stack_table__cnt(fixture->table), 0);
	assert_int_equal(stack_table__find(fixture->table, 0), STACK_UNKNOWN);
	assert_int_equal(stack_table__find(fixture->table, 5), STACK_UNKNOWN);
}

static void test_deep_and_truncated(void **state)
{
	struct fixture *fixture = *state;
	struct pyfrag_stack told;
	struct stack stack;

	fake_code__make_stack(&told, 3, (const uint64_t[PYFRAG_STACK_DEPTH_MAX]){},
			      PYFRAG_STACK_DEPTH_MAX);
	told.is_truncated = 1;
	for (uint32_t i = 0; i < PYFRAG_STACK_DEPTH_MAX; i++)
		told.frames[i].code = i % 2 ? TWO : ONE;
	assert_int_equal(stack_table__add(fixture->table, &told), 0);
	stack = get(fixture, 3);
	assert_true(stack.truncated);
	assert_int_equal(stack.frame_cnt, PYFRAG_STACK_DEPTH_MAX);
	for (uint32_t i = 0; i < PYFRAG_STACK_DEPTH_MAX; i++)
		check_frame(&stack, i, i % 2 ? "Site.two" : "Site.one", "/srv/site.py",
			    i % 2 ? 93 : 47);
}

/* A thread that runs no Python code: this is a stack, too. */
static void test_no_frames(void **state)
{
	struct fixture *fixture = *state;

	tell(fixture, 3, NULL, 0);
	assert_int_equal(get(fixture, 3).frame_cnt, 0);
	assert_int_equal(review(fixture), 0);
}

/* Code that was freed before it was named, or never was code, keeps its place among the frames. */
static void test_dead_code(void **state)
{
	struct fixture *fixture = *state;
	struct stack stack;

	*fake_memory__word(&fixture->memory, TWO + FAKE_OFFSETS.code_name) = TWO;
	TELL(fixture, 1, ONE, NOWHERE, TWO, 0, THREE);
	check_counts(fixture, 3, 0, 0);
	stack = get(fixture, 1);
	assert_int_equal(stack.frame_cnt, 5);
	check_frame(&stack, 0, "Site.one", "/srv/site.py", 47);
	for (uint32_t i = 1; i < 4; i++) {
		assert_null(stack.frames[i].function);
		assert_null(stack.frames[i].file);
		assert_int_equal(stack.frames[i].line, 0);
	}
	check_frame(&stack, 4, "<module>", "/srv/main.py", 1);
	/* The process has exited, and all of its code with it. */
	fixture->memory.error = -ESRCH;
	TELL(fixture, 2, THREE + FAKE_CODE_BYTES);
	assert_null(get(fixture, 2).frames[0].function);
	check_counts(fixture, 4, 0, 0);
}

static void test_memory_that_cannot_be_read(void **state)
{
	struct fixture *fixture = *state;
	struct pyfrag_stack stack;

	TELL(fixture, 1, ONE);
	fake_code__make_stack(&stack, 2, (const uint64_t[]){ONE, TWO}, 2);
	fixture->memory.error = -EPERM;
	assert_int_equal(stack_table__add(fixture->table, &stack), -EPERM);
	assert_int_equal(stack_table__review(fixture->table, note_forgotten, fixture), -EPERM);
	assert_int_equal(fixture->forgotten_cnt, 0);
	assert_int_equal(stack_table__cnt(fixture->table), 1);
	assert_int_equal(stack_table__find(fixture->table, 2), STACK_UNKNOWN);
	fixture->memory.error = 0;
	assert_int_equal(stack_table__add(fixture->table, &stack), 0);
	assert_int_equal(get(fixture, 2).frame_cnt, 2);
	assert_int_equal(review(fixture), 0);
}

/* Like a traceback: without frames that have not begun, except those of generators. */
static void test_hidden_frames(void **state)
{
	struct fixture *fixture = *state;
	struct pyfrag_stack told;
	struct stack stack;

	fake_code__make_stack(&told, 1, (const uint64_t[]){ONE, TWO, ONE, THREE}, 4);
	told.frames[0].instr = FAKE_INSTR_SHOWN - 2;
	told.frames[1].instr = FAKE_INSTR_SHOWN;
	told.frames[2].instr = FAKE_INSTR_SHOWN - 2;
	told.frames[2].owner = PYFRAG_OWNER_GENERATOR;
	assert_int_equal(stack_table__add(fixture->table, &told), 0);
	stack = get(fixture, 1);
	assert_int_equal(stack.frame_cnt, 3);
	check_frame(&stack, 0, "Site.two", "/srv/site.py", 93);
	check_frame(&stack, 1, "Site.one", "/srv/site.py", 47);
	check_frame(&stack, 2, "<module>", "/srv/main.py", 1);
	/* A stack of hidden frames only, then another: the frames belong to the right stack. */
	told.number = 2;
	told.frame_cnt = 1;
	assert_int_equal(stack_table__add(fixture->table, &told), 0);
	TELL(fixture, 3, THREE);
	assert_int_equal(get(fixture, 2).frame_cnt, 0);
	stack = get(fixture, 3);
	check_frame(&stack, 0, "<module>", "/srv/main.py", 1);
	assert_int_equal(review(fixture), 0);
	check_counts(fixture, 0, 0, 0);
}

/* An instruction without a line, because it is outside of the code. */
static void test_no_line(void **state)
{
	struct fixture *fixture = *state;
	struct pyfrag_stack told;
	struct stack stack;

	fake_code__make_stack(&told, 1, (const uint64_t[]){ONE}, 1);
	told.frames[0].instr = (int32_t)FAKE_OFFSETS.code_code + 1000;
	assert_int_equal(stack_table__add(fixture->table, &told), 0);
	stack = get(fixture, 1);
	check_frame(&stack, 0, "Site.one", "/srv/site.py", 0);
	assert_int_equal(review(fixture), 0);
}

/* A number that is recorded twice keeps its first stack. */
static void test_told_twice(void **state)
{
	struct fixture *fixture = *state;
	struct stack stack;

	TELL(fixture, 1, ONE);
	TELL(fixture, 1, TWO, THREE);
	assert_int_equal(stack_table__cnt(fixture->table), 1);
	stack = get(fixture, 1);
	assert_int_equal(stack.frame_cnt, 1);
	check_frame(&stack, 0, "Site.one", "/srv/site.py", 47);
}

static void test_review(void **state)
{
	static const struct fake_code same_name = {"two", "Site.two", "/srv/site.py", 91, 3};
	struct fixture *fixture = *state;
	struct stack stack;

	TELL(fixture, 1, ONE, THREE);
	TELL(fixture, 2, TWO, THREE);
	TELL(fixture, 3, THREE);
	TELL(fixture, 4, THREE, ONE, TWO);
	assert_int_equal(review(fixture), 0);
	/* Another line makes another stack. */
	fake_code__rewrite(&fixture->memory, TWO, &same_name);
	assert_int_equal(review(fixture), 2);
	assert_int_equal(fixture->forgotten[0], 2);
	assert_int_equal(fixture->forgotten[1], 4);
	check_counts(fixture, 0, 2, 0);
	assert_int_equal(stack_table__find(fixture->table, 2), STACK_UNKNOWN);
	assert_int_equal(stack_table__find(fixture->table, 4), STACK_UNKNOWN);
	assert_int_equal(stack_table__find(fixture->table, 1), 0);
	assert_int_equal(stack_table__find(fixture->table, 3), 2);
	/* It keeps its names under its index, and its number is recorded anew. */
	stack = stack_table__get(fixture->table, 1);
	check_frame(&stack, 0, "Site.two", "/srv/site.py", 93);
	TELL(fixture, 2, TWO, THREE);
	assert_int_equal(stack_table__find(fixture->table, 2), 4);
	stack = get(fixture, 2);
	check_frame(&stack, 0, "Site.two", "/srv/site.py", 94);
	/* Once is enough. */
	assert_int_equal(review(fixture), 0);
	check_counts(fixture, 0, 2, 0);
}

/* Code that is created again identically at its address counts as the same. */
static void test_review_of_the_same(void **state)
{
	struct fixture *fixture = *state;

	TELL(fixture, 1, ONE, TWO);
	fake_memory__unmap(&fixture->memory, ONE);
	fake_code__map(&fixture->memory, ONE, &one);
	assert_int_equal(review(fixture), 0);
}

static void test_review_of_dead_code(void **state)
{
	struct fixture *fixture = *state;

	TELL(fixture, 1, ONE);
	TELL(fixture, 2, NOWHERE);
	fake_memory__unmap(&fixture->memory, ONE);
	/* One is dropped; the other existed before, and still does. */
	assert_int_equal(review(fixture), 1);
	assert_int_equal(fixture->forgotten[0], 1);
	/* An address that contained nothing contains code now: that is another stack. */
	fake_code__map(&fixture->memory, NOWHERE, &three);
	assert_int_equal(review(fixture), 1);
	assert_int_equal(fixture->forgotten[0], 2);
	check_counts(fixture, 1, 2, 0);
}

/*
 * Between two reviews code is freed, and other code takes its place: a new stack is named after
 * that.
 */
static void test_code_that_changed_since(void **state)
{
	struct fixture *fixture = *state;
	struct stack stack;

	TELL(fixture, 1, ONE, THREE);
	TELL(fixture, 2, NOWHERE, THREE);
	fake_code__rewrite(&fixture->memory, ONE, &two);
	fake_code__map(&fixture->memory, NOWHERE, &one);
	TELL(fixture, 3, ONE, NOWHERE);
	stack = get(fixture, 3);
	check_frame(&stack, 0, "Site.two", "/srv/site.py", 93);
	check_frame(&stack, 1, "Site.one", "/srv/site.py", 47);
	stack = get(fixture, 1);
	check_frame(&stack, 0, "Site.one", "/srv/site.py", 47);
	/* Stacks recorded before are other stacks now; those recorded after are not. */
	assert_int_equal(review(fixture), 2);
	assert_int_equal(stack_table__find(fixture->table, 3), 2);
	check_counts(fixture, 1, 2, 0);
}

/* Names, files and stacks all count; those without room are counted, too. */
static void test_full(void **state)
{
	struct fixture *fixture = *state;
	uint64_t number = 1;

	use_table_of(fixture, 16 << 10);
	while (!stack_table__counts(fixture->table)->unkept_stacks) {
		TELL(fixture, number, ONE, TWO, THREE);
		assert_true(++number < 1000);
	}
	assert_int_equal(stack_table__find(fixture->table, number - 1), STACK_UNKNOWN);
	/* They share one stack. */
	assert_int_equal(stack_table__cnt(fixture->table), 1);
	assert_int_equal(stack_table__find(fixture->table, number - 2), 0);
	/* Frames take at least 16 bytes, in half of the limit. */
	assert_in_range(number, 20, 8192 / (3 * 16));
	TELL(fixture, number, ONE);
	check_counts(fixture, 0, 0, 2);
	/* Stacks that are kept stay valid. */
	TELL(fixture, 1, ONE, TWO, THREE);
	check_counts(fixture, 0, 0, 2);
	assert_int_equal(get(fixture, 1).frame_cnt, 3);
}

/* Stacks that a review retires make room; those that are still valid stay. */
static void test_review_makes_room(void **state)
{
	struct fixture *fixture = *state;
	uint64_t number = 10;
	struct stack stack;

	use_table_of(fixture, 16 << 10);
	TELL(fixture, 1, TWO);
	for (int round = 0; round < 5; round++) {
		uint64_t first = number;

		assert_true(stack_table__room_bytes(fixture->table));
		TELL(fixture, number++, ONE, TWO);
		if (!round)
			TELL(fixture, 2, THREE, TWO);
		while (stack_table__room_bytes(fixture->table))
			TELL(fixture, number++, ONE, TWO);
		assert_in_range(number - first, 10, 500);
		assert_true(stack_table__find(fixture->table, number - 1) != STACK_UNKNOWN);
		fake_code__rewrite(&fixture->memory, ONE, round % 2 ? &one : &three);
		assert_int_equal(stack_table__review(fixture->table, ignore_forgotten, NULL), 0);
		assert_int_equal(stack_table__find(fixture->table, first), STACK_UNKNOWN);
	}
	stack = get(fixture, 1);
	check_frame(&stack, 0, "Site.two", "/srv/site.py", 93);
	stack = get(fixture, 2);
	check_frame(&stack, 0, "<module>", "/srv/main.py", 1);
	assert_int_equal(stack_table__counts(fixture->table)->unkept_stacks, 0);
	/* These two are still reviewed. */
	fake_code__rewrite(&fixture->memory, THREE, &two);
	assert_int_equal(review(fixture), 1);
	assert_int_equal(fixture->forgotten[0], 2);
}

/* However many stacks are added, indices and their names stay valid. */
static void test_many(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t i = 0; i < 3000; i++) {
		const char *first_name =
			i ? stack_table__get(fixture->table, 0).frames[0].function : NULL;
		char name[16];
		struct fake_code code = {name, name, "/srv/many.py", (int32_t)i + 1, 0};

		snprintf(name, sizeof(name), "f%u", i);
		fake_code__rewrite(&fixture->memory, ONE, &code);
		assert_int_equal(review(fixture), i ? 1 : 0);
		TELL(fixture, i + 1, ONE, TWO);
		assert_int_equal(stack_table__find(fixture->table, i + 1), i);
		if (i)
			assert_ptr_equal(stack_table__get(fixture->table, 0).frames[0].function,
					 first_name);
	}
	for (uint32_t i = 0; i < 3000; i++) {
		struct stack stack = stack_table__get(fixture->table, i);
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		check_frame(&stack, 0, name, "/srv/many.py", (int32_t)i + 1);
		check_frame(&stack, 1, "Site.two", "/srv/site.py", 93);
	}
}

/*
 * A table with its own account, and a stack recorded in it. Returns 0, or -EDQUOT if there is no
 * table at all.
 */
static int tell_with(struct fixture *fixture, struct account *account)
{
	int err;

	stack_table__free(TAKE_PTR(fixture->table));
	fixture->memory.memory.account = account;
	err = stack_table__new(&fixture->table, &FAKE_OFFSETS, &fixture->memory.memory, AMPLE);
	if (!err)
		TELL(fixture, 11, ONE, TWO, THREE);
	return err;
}

/* Whichever allocation is refused, the stack is not kept, and is kept when it is recorded again. */
static void test_every_refusal_is_survived(void **state)
{
	struct fixture *fixture = *state;
	struct account_usage usage;
	uint64_t nth = 0;

	do {
		struct account *account;
		struct stack stack;
		int err;

		assert_int_equal(account__new(&account, UINT64_MAX, NULL), 0);
		account__refuse_nth(account, ++nth);
		err = tell_with(fixture, account);
		usage = account__usage(account);
		if (err) {
			assert_int_equal(err, -EDQUOT);
			assert_int_equal(usage.used_bytes, 0);
		} else if (stack_table__find(fixture->table, 11) == STACK_UNKNOWN) {
			check_counts(fixture, 0, 0, 1);
			assert_int_equal(usage.refused, 1);
			TELL(fixture, 11, ONE, TWO, THREE);
			usage.refused = 1;
		}
		if (!err) {
			stack = get(fixture, 11);
			check_frame(&stack, 1, "Site.two", "/srv/site.py", 93);
			assert_int_equal(stack_table__cnt(fixture->table), 1);
		}
		stack_table__free(TAKE_PTR(fixture->table));
		assert_int_equal(account__usage(account).used_bytes, 0);
		fixture->memory.memory.account = NULL;
		account__close(account);
	} while (usage.refused);
	/* The cache; three code objects of five parts each; strings, frames, stacks, tables. */
	assert_true(nth > 1 + 15 + 8);
}

/*
 * Changed code that cannot be read for lack of memory counts as other code, so its stack is
 * dropped.
 */
static void test_review_without_memory(void **state)
{
	struct fixture *fixture = *state;
	struct account *account;

	assert_int_equal(account__new(&account, UINT64_MAX, NULL), 0);
	assert_int_equal(tell_with(fixture, account), 0);
	assert_int_equal(review(fixture), 0);
	fake_code__rewrite(&fixture->memory, ONE, &three);
	account__refuse_nth(account, 1);
	assert_int_equal(review(fixture), 1);
	assert_int_equal(fixture->forgotten[0], 11);
	assert_int_equal(account__usage(account).refused, 1);
	account__close(account);
}

#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TABLE(test_names),
		WITH_TABLE(test_records_that_cannot_be),
		WITH_TABLE(test_deep_and_truncated),
		WITH_TABLE(test_no_frames),
		WITH_TABLE(test_dead_code),
		WITH_TABLE(test_memory_that_cannot_be_read),
		WITH_TABLE(test_hidden_frames),
		WITH_TABLE(test_no_line),
		WITH_TABLE(test_told_twice),
		WITH_TABLE(test_review),
		WITH_TABLE(test_review_of_the_same),
		WITH_TABLE(test_review_of_dead_code),
		WITH_TABLE(test_code_that_changed_since),
		WITH_TABLE(test_full),
		WITH_TABLE(test_review_makes_room),
		WITH_TABLE(test_many),
		WITH_TABLE(test_every_refusal_is_survived),
		WITH_TABLE(test_review_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
