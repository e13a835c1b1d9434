// SPDX-License-Identifier: BSD-2-Clause
/*
 * The shapes on an architecture where one instruction does several things: it compares and
 * branches, stores two registers, or advances its base register. (arm64 compilers translate
 * pymalloc that way.) Hand-written instructions of 4 bytes, as a decoder would return them.
 */
#include <string.h>

#include "code_recording.h"
#include "stub_arch.h"
#include "unit_test.h"

#define START	  0x100
#define STEPS_MAX 64

enum {
	BLOCK,
	POOL,
	NEXT,
	COUNT,
	USED, /* the list of pools of a class */
	OLD,  /* size classes */
	SIZE,
};

struct code {
	struct insn steps[STEPS_MAX];
	size_t cnt, insn_cnt;
};

static struct insn step(enum insn_op op, uint8_t destination, uint8_t source, uint8_t width)
{
	struct insn step = INSN_NOTHING;

	step.op = (uint8_t)op;
	step.destination = destination;
	step.source = source;
	step.width = width;
	step.flags = INSN_FLAGS_KEPT;
	if (destination < INSN_REGISTERS)
		step.clobbered = 1U << destination;
	return step;
}

static struct insn at(struct insn step, uint8_t base, int64_t displacement)
{
	step.has_memory = true;
	step.memory =
		(struct insn_memory){.base = base, .plain = true, .displacement = displacement};
	return step;
}

static struct insn load(uint8_t reg, uint8_t base, int64_t displacement, uint8_t width)
{
	return at(step(INSN_LOAD, reg, INSN_NO_REGISTER, width), base, displacement);
}

static struct insn store(uint8_t reg, uint8_t base, int64_t displacement, uint8_t width)
{
	return at(step(INSN_STORE, INSN_NO_REGISTER, reg, width), base, displacement);
}

static struct insn add(uint8_t reg, int64_t amount, uint8_t width)
{
	struct insn sum = step(INSN_ADD, reg, reg, width);

	sum.immediate = amount;
	return sum;
}

static struct insn compare(uint8_t left, uint8_t right)
{
	struct insn comparison = step(INSN_COMPARE, INSN_NO_REGISTER, left, 4);

	comparison.other = right;
	return comparison;
}

static struct insn jump_if(uint64_t target)
{
	struct insn jump = step(INSN_JUMP_IF, INSN_NO_REGISTER, INSN_NO_REGISTER, 8);

	jump.has_target = true;
	jump.target = target;
	return jump;
}

/* Adds an instruction with several steps. */
static void put(struct code *code, enum insn_uprobe uprobe, const struct insn *steps, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		struct insn *insn = &code->steps[code->cnt++];

		assert_true(code->cnt <= STEPS_MAX);
		*insn = steps[i];
		insn->address = START + 4 * code->insn_cnt;
		insn->size = 4;
		insn->uprobe = (uint8_t)uprobe;
		insn->step = (uint8_t)i;
		insn->step_cnt = (uint8_t)cnt;
	}
	code->insn_cnt++;
}

#define PUT(code, uprobe, ...)                                                                     \
	put(code, uprobe, (const struct insn[]){__VA_ARGS__},                                      \
	    sizeof((const struct insn[]){__VA_ARGS__}) / sizeof(struct insn))
#define PUT_STEPPED(code, ...)	PUT(code, INSN_SINGLE_STEPPED, __VA_ARGS__)
#define PUT_EMULATED(code, ...) PUT(code, INSN_EMULATED, __VA_ARGS__)

static void assert_finds(const struct code *code, const char *expected)
{
	char found[CODE_TEXT_BYTES];

	code_recording__scan(&stub_arch, code->steps, code->cnt, found, sizeof(found));
	assert_string_equal(found, expected);
}

static void put_count(struct code *code, int64_t amount)
{
	PUT_STEPPED(code, load(COUNT, POOL, 0, 4));
	PUT_STEPPED(code, add(COUNT, amount, 4));
	PUT_STEPPED(code, store(COUNT, POOL, 0, 4));
}

/* One instruction compares and branches: it is the probe site. */
static void test_alloc(void **state)
{
	struct code code = {};

	(void)state;
	PUT_STEPPED(&code, load(BLOCK, POOL, 8, 8));
	put_count(&code, 1);
	PUT_STEPPED(&code, load(NEXT, BLOCK, 0, 8));
	PUT_STEPPED(&code, store(NEXT, POOL, 8, 8));
	PUT_EMULATED(&code, compare(NEXT, NEXT), jump_if(0x200));
	assert_finds(&code, "118 alloc r0 emulated\n");
}

/* The count follows the jump; the look-ahead is counted in instructions. */
static void test_count_behind_the_jump(void **state)
{
	struct code code = {};

	(void)state;
	PUT_STEPPED(&code, load(BLOCK, POOL, 8, 8));
	PUT_STEPPED(&code, load(NEXT, BLOCK, 0, 8));
	PUT_STEPPED(&code, store(NEXT, POOL, 8, 8));
	PUT_EMULATED(&code, compare(NEXT, NEXT), jump_if(0x200));
	for (int i = 0; i < 5; i++)
		PUT_STEPPED(&code, store(USED, USED, 64 + 16 * i, 8),
			    store(USED, USED, 72 + 16 * i, 8));
	put_count(&code, 1);
	assert_finds(&code, "10c alloc r0 emulated\n");
}

/* One store writes two links; the 1 is in a register. */
static void test_new_pool(void **state)
{
	struct insn one = step(INSN_SET, COUNT, INSN_NO_REGISTER, 4);
	struct code code = {};

	(void)state;
	one.immediate = 1;
	PUT_STEPPED(&code, one);
	PUT_STEPPED(&code, store(USED, POOL, 16, 8), store(USED, POOL, 24, 8));
	PUT_STEPPED(&code, store(POOL, USED, 16, 8), store(POOL, USED, 24, 8));
	PUT_STEPPED(&code, store(COUNT, POOL, 0, 4));
	PUT_STEPPED(&code, compare(OLD, SIZE));
	PUT_EMULATED(&code, jump_if(0x200));
	assert_finds(&code, "114 new-pool r1 emulated r5 r6\n");
}

/* A variable on the stack that is set to 1 is not a pool, unless its class is compared. */
static void test_new_pool_at_an_offset(void **state)
{
	struct insn one = step(INSN_SET, COUNT, INSN_NO_REGISTER, 4);

	(void)state;
	one.immediate = 1;
	for (int with_class = 0; with_class < 2; with_class++) {
		struct code code = {};

		PUT_STEPPED(&code, one);
		PUT_STEPPED(&code, load(USED, POOL, 0, 8));
		PUT_STEPPED(&code, store(USED, POOL, 64 + 16, 8));
		if (with_class)
			PUT_STEPPED(&code, load(OLD, POOL, 64 + 36, 4));
		PUT_STEPPED(&code, store(COUNT, POOL, 64, 4));
		PUT_STEPPED(&code, add(POOL, 64, 8));
		PUT_STEPPED(&code, compare(OLD, SIZE));
		PUT_EMULATED(&code, jump_if(0x200));
		assert_finds(&code, with_class ? "11c new-pool r1 emulated r5 r6\n" : "");
	}
}

/* The store that completes the free also advances the block's register. */
static void put_free_that_moves_on(struct code *code)
{
	put_count(code, -1);
	PUT_STEPPED(code, load(NEXT, POOL, 8, 8));
	PUT_STEPPED(code, store(BLOCK, POOL, 8, 8));
	PUT_STEPPED(code, store(NEXT, BLOCK, 0, 8), add(BLOCK, 8, 8));
}

static void test_free_is_probed_behind_all_steps(void **state)
{
	struct code code = {};

	(void)state;
	put_free_that_moves_on(&code);
	PUT_STEPPED(&code, compare(OLD, SIZE));
	assert_finds(&code, "118 free r0-8 stepped\n");
}

/*
 * If others jump to the instruction after it, this one has to be probed, which happens before it
 * takes effect: the register then still has another value.
 */
static void test_free_that_cannot_be_probed_behind(void **state)
{
	struct code code = {};

	(void)state;
	put_free_that_moves_on(&code);
	PUT_STEPPED(&code, compare(OLD, SIZE));
	PUT_EMULATED(&code, jump_if(START + 4 * 6));
	assert_finds(&code, "");
}

/* An instruction that the kernel does not probe is not a probe site. */
static void test_free_before_what_is_rejected(void **state)
{
	struct code code = {};

	(void)state;
	put_count(&code, -1);
	PUT_STEPPED(&code, load(NEXT, POOL, 8, 8));
	PUT_STEPPED(&code, store(BLOCK, POOL, 8, 8));
	PUT_STEPPED(&code, store(NEXT, BLOCK, 0, 8));
	PUT(&code, INSN_REJECTED, compare(OLD, SIZE));
	assert_finds(&code, "114 free r0 stepped\n");
}

/*
 * Jumps lead to the first step of an instruction, where all knowledge is dropped. The other steps
 * do not drop it.
 */
static void test_steps_are_not_jumped_to(void **state)
{
	struct code code = {};

	(void)state;
	PUT_STEPPED(&code, load(USED, OLD, 0, 8));
	PUT_STEPPED(&code, load(BLOCK, POOL, 8, 8), load(SIZE, POOL, 16, 8));
	put_count(&code, 1);
	PUT_STEPPED(&code, load(NEXT, BLOCK, 0, 8), store(NEXT, POOL, 8, 8));
	PUT_EMULATED(&code, compare(NEXT, NEXT), jump_if(START + 4));
	assert_finds(&code, "118 alloc r0 emulated\n");
}

/*
 * A new pool without a jump is probed where its class is stored, or, if jumps lead there, where its
 * count is: if the kernel allows it.
 */
static void test_new_pool_at_what_is_rejected(void **state)
{
	struct insn one = step(INSN_SET, COUNT, INSN_NO_REGISTER, 4);
	struct code code = {};

	(void)state;
	one.immediate = 1;
	PUT_STEPPED(&code, one);
	PUT_STEPPED(&code, store(USED, POOL, 16, 8));
	PUT_STEPPED(&code, store(COUNT, POOL, 0, 4));
	PUT_STEPPED(&code, store(SIZE, POOL, 36, 4));
	assert_finds(&code, "10c new-pool r1 stepped r6 r6\n");
	code.steps[3].uprobe = INSN_REJECTED;
	assert_finds(&code, "");
	PUT_EMULATED(&code, jump_if(START + 4 * 3));
	assert_finds(&code, "108 new-pool r1 stepped r6 r6\n");
	code.steps[2].uprobe = INSN_REJECTED;
	assert_finds(&code, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_count_behind_the_jump),
		cmocka_unit_test(test_new_pool),
		cmocka_unit_test(test_new_pool_at_an_offset),
		cmocka_unit_test(test_free_is_probed_behind_all_steps),
		cmocka_unit_test(test_free_that_cannot_be_probed_behind),
		cmocka_unit_test(test_free_before_what_is_rejected),
		cmocka_unit_test(test_new_pool_at_what_is_rejected),
		cmocka_unit_test(test_steps_are_not_jumped_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
