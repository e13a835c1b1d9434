// SPDX-License-Identifier: BSD-2-Clause
/*
 * The table of architectures, and a stub that decodes nothing and passes through all code that a
 * new architecture would.
 */
#include "probes/arch/arch.h"

#include <elf.h>
#include <string.h>

#include "probes/function_scan.h"
#include "stub_arch.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define ADDRESS 0x401000UL

static void test_by_elf_machine(void **state)
{
	(void)state;
	assert_ptr_equal(arch__of(EM_X86_64), &arch_x86_64);
	assert_null(arch__of(EM_S390));
	assert_null(arch__of(EM_NONE));
}

static void test_own(void **state)
{
	const struct arch *arch = arch__own();

	(void)state;
#if defined(__x86_64__)
	assert_ptr_equal(arch, &arch_x86_64);
#endif
	if (!arch)
		skip();
	arch->emulated_function(); /* return normally */
	arch->stepped_function();
}

static void test_register_names(void **state)
{
	(void)state;
	assert_string_equal(arch__register_name(&stub_arch, 7), "r7");
	assert_string_equal(arch__register_name(&stub_arch, 8), "?");
	assert_string_equal(arch__register_name(&stub_arch, INSN_NO_REGISTER), "?");
}

/* Checks what shapes and BPF programs rely on for each architecture. */
static void assert_is_sound(const struct arch *arch)
{
	assert_true(arch->register_cnt <= INSN_REGISTERS);
	for (size_t i = 0; i < ARCH_ARGUMENTS_MAX; i++)
		assert_true(arch->argument_registers[i] < arch->register_cnt);
	assert_true(arch->result_register < arch->register_cnt);
	assert_in_range(arch->breakpoint_bytes, 1, ARCH_BREAKPOINT_MAX);
	assert_true(arch->skipped_bytes >= 1 && arch->lookahead >= 1);
	assert_true(!arch->new_state == !arch->free_state);
}

static void test_each_is_sound(void **state)
{
	(void)state;
	assert_is_sound(&arch_x86_64);
	assert_is_sound(&stub_arch);
}

static int refuse(const struct shape_site *site, void *context)
{
	(void)site;
	(void)context;
	fail_msg("a site in code that is not understood");
	return -1;
}

/* x86-64 code serves as well as any. */
static void test_scanning_what_is_not_decoded(void **state)
{
	static const uint8_t code[] = {
		0x48, 0x8b, 0x56, 0x08, 0x48, 0x89, 0x17, 0x8b, 0x06, 0x48, 0x89, 0x7e,
		0x08, 0x83, 0xe8, 0x01, 0x89, 0x06, 0x48, 0x85, 0xd2, 0x74, 0x0a,
	};
	_cleanup_(function_scanner__freep) struct function_scanner *scanner = NULL;
	const struct insn *insns;
	size_t cnt;

	(void)state;
	assert_int_equal(function_scanner__new(&scanner, &stub_arch), 0);
	assert_int_equal(function_scanner__scan(scanner, code, sizeof(code), ADDRESS, refuse, NULL),
			 0);
	insns = function_scanner__insns(scanner, &cnt);
	assert_int_equal(cnt, 6);
	for (size_t i = 0; i < cnt; i++) {
		assert_int_equal(insns[i].address, ADDRESS + 4 * i);
		assert_int_equal(insns[i].op, INSN_UNDECODED);
		assert_false(insn__can_be_probed(&insns[i]));
	}
	assert_int_equal(insns[5].size, 3); /* the remaining bytes */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_elf_machine),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_register_names),
		cmocka_unit_test(test_each_is_sound),
		cmocka_unit_test(test_scanning_what_is_not_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
