// SPDX-License-Identifier: BSD-2-Clause
/*
 * What every decoder's steps have in common, for an architecture whose instructions do two things
 * at a time.
 */
#include "probes/arch/insn_decoder.h"

#include <errno.h>

#include "stub_arch.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define ADDRESS 0x401000UL

static int states;

static int count_state(void **out)
{
	*out = &states;
	states++;
	return 0;
}

static void uncount_state(void *state)
{
	assert_ptr_equal(state, &states);
	states--;
}

static int refuse_state(void **out)
{
	(void)out;
	return -ENOTSUP;
}

/* 'd': loads two registers; all others do nothing. */
static size_t decode(void *state, const uint8_t *bytes, size_t size, uint64_t address,
		     struct insn *steps)
{
	assert_ptr_equal(state, &states);
	assert_int_equal(address, ADDRESS);
	assert_true(size > 0);
	if (*bytes != 'd')
		return 0;
	steps[0] = steps[1] = INSN_NOTHING;
	steps[0].size = 1;
	steps[0].uprobe = INSN_EMULATED;
	steps[0].op = steps[1].op = INSN_LOAD;
	return 2;
}

static struct arch two_at_a_time(void)
{
	struct arch arch = stub_arch;

	arch.new_state = count_state;
	arch.free_state = uncount_state;
	arch.decode = decode;
	return arch;
}

static void test_steps(void **state)
{
	const struct arch arch = two_at_a_time();
	_cleanup_(insn_decoder__freep) struct insn_decoder *decoder = NULL;
	struct insn steps[INSN_STEPS_MAX];

	(void)state;
	assert_int_equal(insn_decoder__new(&decoder, &arch), 0);
	assert_int_equal(states, 1);
	assert_int_equal(insn_decoder__decode(decoder, (const uint8_t *)"dx", 2, ADDRESS, steps),
			 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(steps[i].op, INSN_LOAD);
		assert_int_equal(steps[i].address, ADDRESS);
		assert_int_equal(steps[i].size, 1);
		assert_int_equal(steps[i].step, i);
		assert_int_equal(steps[i].step_cnt, 2);
		assert_true(insn__is_emulated(&steps[i]));
		assert_true(insn__can_be_probed(&steps[i]));
		assert_int_equal(insn__is_last_step(&steps[i]), i == 1);
	}
	insn_decoder__free(TAKE_PTR(decoder));
	assert_int_equal(states, 0);
}

static void test_what_is_no_instruction(void **state)
{
	const struct arch arch = two_at_a_time();
	_cleanup_(insn_decoder__freep) struct insn_decoder *decoder = NULL;
	struct insn steps[INSN_STEPS_MAX];

	(void)state;
	assert_int_equal(insn_decoder__new(&decoder, &arch), 0);
	for (size_t size = 1; size <= 6; size++) {
		assert_int_equal(insn_decoder__decode(decoder, (const uint8_t *)"xxxxxx", size,
						      ADDRESS, steps),
				 1);
		assert_int_equal(steps[0].op, INSN_UNDECODED);
		assert_int_equal(steps[0].size, size < 4 ? size : 4);
		assert_int_equal(steps[0].clobbered, UINT32_MAX);
		assert_true(insn__is_last_step(&steps[0]));
		assert_false(insn__can_be_probed(&steps[0]));
	}
}

static void test_no_decoder(void **state)
{
	struct insn_decoder *decoder = NULL;
	struct arch arch = two_at_a_time();

	(void)state;
	arch.new_state = refuse_state;
	assert_int_equal(insn_decoder__new(&decoder, &arch), -ENOTSUP);
	assert_null(decoder);
	assert_int_equal(states, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_what_is_no_instruction),
		cmocka_unit_test(test_no_decoder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
