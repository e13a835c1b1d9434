// SPDX-License-Identifier: BSD-2-Clause
/*
 * Value numbering: registers and memory with equal values are known to be equal, however the values
 * got there, and what may have changed is unknown.
 */
#include <stdlib.h>

#include "probes/values.h"
#include "unit_test.h"

enum {
	A,
	B,
	C,
	D,
	SAVED = 12, /* preserved by calls */
};

static int set_up(void **state)
{
	struct values *values = calloc(1, sizeof(*values));

	*state = values;
	if (values)
		values__reset(values);
	return values ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* An instruction that writes @destination. */
static struct insn make_insn(enum insn_op op, uint8_t destination, uint8_t source)
{
	return (struct insn){
		.op = (uint8_t)op,
		.width = 8,
		.destination = destination,
		.source = source,
		.other = INSN_NO_REGISTER,
		.clobbered = destination < INSN_REGISTERS ? 1U << destination : 0,
	};
}

static void move(struct values *values, uint8_t to, uint8_t from)
{
	struct insn insn = make_insn(INSN_MOVE, to, from);

	values__step(values, &insn);
}

static void add(struct values *values, uint8_t to, uint8_t from, int64_t amount, uint8_t width)
{
	struct insn insn = make_insn(INSN_ADD, to, from);

	insn.immediate = amount;
	insn.width = width;
	values__step(values, &insn);
}

static void access_memory(struct values *values, enum insn_op op, uint8_t reg, uint8_t base,
			  int64_t displacement, uint8_t width)
{
	bool loads = op == INSN_LOAD;
	struct insn insn =
		make_insn(op, loads ? reg : INSN_NO_REGISTER, loads ? INSN_NO_REGISTER : reg);

	insn.width = width;
	insn.has_memory = true;
	insn.memory =
		(struct insn_memory){.base = base, .plain = true, .displacement = displacement};
	values__step(values, &insn);
}

static void test_copies_are_the_same(void **state)
{
	struct values *values = *state;
	value_id a = values__of_register(values, A);

	assert_int_not_equal(a, 0);
	assert_int_not_equal(values__of_register(values, B), a);
	move(values, B, A);
	move(values, C, B);
	assert_int_equal(values__of_register(values, C), a);
	move(values, A, D);
	assert_int_not_equal(values__of_register(values, A), a);
	assert_int_equal(values__of_register(values, C), a);
}

static void test_sums_are_addresses(void **state)
{
	struct values *values = *state;
	value_id a = values__of_register(values, A);
	struct address address;

	add(values, B, A, 24, 8);
	add(values, B, B, -8, 8);
	address = values__as_address(values, values__of_register(values, B));
	assert_int_equal(address.root, a);
	assert_int_equal(address.offset, 16);
	/* A 32-bit sum is not an address. */
	add(values, C, A, 16, 4);
	address = values__as_address(values, values__of_register(values, C));
	assert_int_not_equal(address.root, a);
}

static void test_what_was_stored_is_loaded(void **state)
{
	struct values *values = *state;
	value_id b = values__of_register(values, B);

	access_memory(values, INSN_STORE, B, A, 8, 8);
	access_memory(values, INSN_LOAD, C, A, 8, 8);
	assert_int_equal(values__of_register(values, C), b);
	/* Another expression for the same address. */
	add(values, D, A, 100, 8);
	access_memory(values, INSN_LOAD, C, D, -92, 8);
	assert_int_equal(values__of_register(values, C), b);
	access_memory(values, INSN_LOAD, C, A, 16, 8);
	assert_int_not_equal(values__of_register(values, C), b);
	access_memory(values, INSN_LOAD, C, A, 8, 4);
	assert_int_not_equal(values__of_register(values, C), b);
}

static void test_loads_know_where_from(void **state)
{
	struct values *values = *state;
	value_id a = values__of_register(values, A), first;
	struct address from;

	access_memory(values, INSN_LOAD, B, A, 8, 8);
	first = values__of_register(values, B);
	assert_true(values__is_load(values, first, 8, &from));
	assert_int_equal(from.root, a);
	assert_int_equal(from.offset, 8);
	assert_false(values__is_load(values, first, 4, &from));
	assert_false(values__is_load(values, a, 8, &from));
	/* Twice the same. */
	access_memory(values, INSN_LOAD, C, A, 8, 8);
	assert_int_equal(values__of_register(values, C), first);
	assert_false(values__has_stored(values, (struct address){.root = a, .offset = 8}));
	access_memory(values, INSN_STORE, D, A, 8, 8);
	assert_true(values__has_stored(values, (struct address){.root = a, .offset = 8}));
}

static void test_a_wide_store_covers(void **state)
{
	struct values *values = *state;
	value_id a = values__of_register(values, A);

	access_memory(values, INSN_STORE, INSN_NO_REGISTER, A, 16, 16);
	for (int64_t offset = 8; offset <= 32; offset += 8)
		assert_int_equal(values__has_stored(values,
						    (struct address){.root = a, .offset = offset}),
				 offset == 16 || offset == 24);
}

/* Memory that is incremented, in three steps. */
static void test_a_sum_in_memory(void **state)
{
	struct values *values = *state;
	struct address place = {.root = values__of_register(values, A)};
	value_id b = values__of_register(values, B), sum;

	access_memory(values, INSN_STORE, B, A, 0, 8);
	assert_true(values__is_at(values, b, place, 8));
	access_memory(values, INSN_LOAD, INSN_SCRATCH, A, 0, 8);
	add(values, INSN_SCRATCH, INSN_SCRATCH, 1, 8);
	access_memory(values, INSN_STORE, INSN_SCRATCH, A, 0, 8);
	access_memory(values, INSN_LOAD, C, A, 0, 8);
	sum = values__of_register(values, C);
	assert_int_not_equal(sum, b);
	assert_true(values__is_at(values, sum, place, 8));
	assert_false(values__is_at(values, sum, place, 4));
	assert_false(values__is_at(values, b, place, 8));
	assert_int_equal(values__as_address(values, sum).root, b);
	assert_int_equal(values__as_address(values, sum).offset, 1);
}

/* The scratch register cannot be read at a probe. */
static void test_the_scratch_is_not_found(void **state)
{
	struct values *values = *state;
	struct address wanted;
	int64_t displacement;
	uint8_t reg;

	access_memory(values, INSN_LOAD, INSN_SCRATCH, A, 0, 8);
	wanted = values__as_address(values, values__of_register(values, INSN_SCRATCH));
	assert_int_not_equal(wanted.root, 0);
	assert_false(values__find_register(values, wanted, &reg, &displacement));
}

static void test_calls_change_registers_and_memory(void **state)
{
	struct values *values = *state;
	struct insn call = make_insn(INSN_CALL, INSN_NO_REGISTER, INSN_NO_REGISTER);
	value_id a = values__of_register(values, A), saved = values__of_register(values, SAVED);
	struct address place = {.root = saved, .offset = 8};

	call.clobbered = 1U << A | 1U << B;
	access_memory(values, INSN_STORE, A, SAVED, 8, 8);
	assert_int_equal(values__at(values, place), a);
	values__step(values, &call);
	assert_int_equal(values__of_register(values, SAVED), saved);
	assert_int_not_equal(values__of_register(values, A), a);
	assert_int_equal(values__at(values, place), 0);
}

static void test_other_instructions_change_what_they_write(void **state)
{
	struct values *values = *state;
	struct insn other = make_insn(INSN_OTHER, INSN_NO_REGISTER, INSN_NO_REGISTER);
	value_id a = values__of_register(values, A), b = values__of_register(values, B);

	other.clobbered = 1U << A;
	values__step(values, &other);
	assert_int_not_equal(values__of_register(values, A), a);
	assert_int_equal(values__of_register(values, B), b);
	other.op = INSN_UNDECODED;
	values__step(values, &other);
	assert_int_equal(values->registers[B], 0);
}

static void test_found_in_a_register(void **state)
{
	struct values *values = *state;
	struct address wanted = {.root = values__of_register(values, A)};
	int64_t displacement;
	uint8_t reg;

	add(values, B, A, 8, 8);
	assert_true(values__find_register(values, wanted, &reg, &displacement));
	assert_int_equal(reg, A);
	assert_int_equal(displacement, 0);
	move(values, A, D);
	assert_true(values__find_register(values, wanted, &reg, &displacement));
	assert_int_equal(reg, B);
	assert_int_equal(displacement, -8);
	move(values, B, D);
	assert_false(values__find_register(values, wanted, &reg, &displacement));
	assert_false(values__find_register(values, (struct address){}, &reg, &displacement));
}

static void test_found_in_memory(void **state)
{
	struct values *values = *state;
	struct address wanted = {.root = values__of_register(values, A)};
	int64_t displacement;
	uint8_t reg;

	access_memory(values, INSN_STORE, A, SAVED, 40, 8);
	move(values, A, D);
	assert_true(values__find_place(values, wanted, &reg, &displacement));
	assert_int_equal(reg, SAVED);
	assert_int_equal(displacement, 40);
	/* Its value has changed. */
	access_memory(values, INSN_STORE, D, SAVED, 40, 8);
	assert_false(values__find_place(values, wanted, &reg, &displacement));
}

static void test_numbers_run_out(void **state)
{
	struct values *values = *state;

	for (int i = 0; i < 3 * VALUES_MAX; i++)
		add(values, A, A, 1, 8);
	assert_true(values->overflow_cnt >= 2);
	assert_true(values->value_cnt <= VALUES_MAX);
	assert_int_equal(values__get(values, VALUES_MAX)->kind, VALUE_OPAQUE);
}

static void test_old_places_are_forgotten_first(void **state)
{
	struct values *values = *state;
	struct address place = {.root = values__of_register(values, A)};

	for (int i = 0; i <= PLACES_MAX; i++)
		access_memory(values, INSN_STORE, B, A, i * 8L, 8);
	assert_int_equal(values__at(values, place), 0);
	place.offset = 8;
	assert_int_equal(values__at(values, place), values__of_register(values, B));
	place.offset = PLACES_MAX * 8L;
	assert_int_equal(values__at(values, place), values__of_register(values, B));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_copies_are_the_same),
		TEST(test_sums_are_addresses),
		TEST(test_what_was_stored_is_loaded),
		TEST(test_loads_know_where_from),
		TEST(test_a_wide_store_covers),
		TEST(test_a_sum_in_memory),
		TEST(test_the_scratch_is_not_found),
		TEST(test_calls_change_registers_and_memory),
		TEST(test_other_instructions_change_what_they_write),
		TEST(test_found_in_a_register),
		TEST(test_found_in_memory),
		TEST(test_numbers_run_out),
		TEST(test_old_places_are_forgotten_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
