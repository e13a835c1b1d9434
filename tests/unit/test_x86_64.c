// SPDX-License-Identifier: BSD-2-Clause
/*
 * The decoder of x86-64, one instruction at a time, and how the kernel runs each when it is probed.
 */
#include <string.h>

#include "probes/arch/insn_decoder.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define ADDRESS 0x401000UL
#define NONE	INSN_NO_REGISTER

enum {
	RAX,
	RCX,
	RDX,
	RBX,
	RSP,
	RBP,
	RSI,
	RDI,
	R8,
	R12 = 12,
	R13,
};

struct steps {
	struct insn items[INSN_STEPS_MAX];
	size_t cnt;
};

static struct steps decode_steps(const char *bytes, size_t size)
{
	_cleanup_(insn_decoder__freep) struct insn_decoder *decoder = NULL;
	struct steps steps;

	assert_int_equal(insn_decoder__new(&decoder, &arch_x86_64), 0);
	steps.cnt =
		insn_decoder__decode(decoder, (const uint8_t *)bytes, size, ADDRESS, steps.items);
	assert_int_equal(steps.items[0].address, ADDRESS);
	return steps;
}

static struct insn decode(const char *bytes, size_t size)
{
	struct steps steps = decode_steps(bytes, size);

	assert_int_equal(steps.cnt, 1);
	return steps.items[0];
}

#define DECODE_STEPS(bytes) decode_steps(bytes, sizeof(bytes) - 1)
#define DECODE(bytes)	    decode(bytes, sizeof(bytes) - 1)

static void assert_memory(const struct insn *insn, uint8_t base, int64_t displacement)
{
	assert_true(insn->has_memory);
	assert_true(insn->memory.plain);
	assert_int_equal(insn->memory.base, base);
	assert_int_equal(insn->memory.displacement, displacement);
}

static void test_loads(void **state)
{
	struct insn insn = DECODE("\x48\x8b\x47\x08"); /* mov rax,[rdi+8] */

	(void)state;
	assert_int_equal(insn.op, INSN_LOAD);
	assert_int_equal(insn.size, 4);
	assert_int_equal(insn.width, 8);
	assert_int_equal(insn.destination, RAX);
	assert_int_equal(insn.clobbered, 1U << RAX);
	assert_memory(&insn, RDI, 8);
	insn = DECODE("\x41\x8b\x55\x00"); /* mov edx,[r13+0] */
	assert_int_equal(insn.width, 4);
	assert_int_equal(insn.destination, RDX);
	assert_memory(&insn, R13, 0);
	insn = DECODE("\x48\x8b\x05\x10\x00\x00\x00"); /* mov rax,[rip+16] */
	assert_memory(&insn, NONE, (int64_t)ADDRESS + 7 + 16);
	insn = DECODE("\x48\x8b\x04\xd1"); /* mov rax,[rcx+rdx*8] */
	assert_int_equal(insn.op, INSN_LOAD);
	assert_false(insn.memory.plain);
	insn = DECODE("\x64\x48\x8b\x07"); /* mov rax,fs:[rdi] */
	assert_false(insn.memory.plain);
}

static void test_stores(void **state)
{
	struct insn insn = DECODE("\x48\x89\x4f\x08"); /* mov [rdi+8],rcx */
	struct steps steps;

	(void)state;
	assert_int_equal(insn.op, INSN_STORE);
	assert_int_equal(insn.source, RCX);
	assert_int_equal(insn.width, 8);
	assert_int_equal(insn.destination, NONE);
	assert_int_equal(insn.clobbered, 0);
	assert_memory(&insn, RDI, 8);
	steps = DECODE_STEPS("\xc7\x00\x01\x00\x00\x00"); /* mov dword [rax],1 */
	assert_int_equal(steps.cnt, 2);
	assert_int_equal(steps.items[0].op, INSN_SET);
	assert_int_equal(steps.items[0].destination, INSN_SCRATCH);
	assert_int_equal(steps.items[0].width, 4);
	assert_int_equal(steps.items[0].immediate, 1);
	assert_int_equal(steps.items[0].clobbered, 0);
	assert_int_equal(steps.items[1].op, INSN_STORE);
	assert_int_equal(steps.items[1].source, INSN_SCRATCH);
	assert_int_equal(steps.items[1].width, 4);
	assert_memory(&steps.items[1], RAX, 0);
	insn = DECODE("\x0f\x11\x40\x10"); /* movups [rax+16],xmm0 */
	assert_int_equal(insn.op, INSN_STORE);
	assert_int_equal(insn.width, 16);
	assert_int_equal(insn.source, NONE);
	assert_memory(&insn, RAX, 16);
}

/* 32 bits at [@base]: loaded, increased, and stored again. */
static void assert_adds_to_memory(const struct steps *steps, uint8_t base, int64_t amount)
{
	const struct insn *items = steps->items;

	assert_int_equal(steps->cnt, 3);
	assert_int_equal(items[0].op, INSN_LOAD);
	assert_int_equal(items[0].destination, INSN_SCRATCH);
	assert_memory(&items[0], base, 0);
	assert_int_equal(items[1].op, INSN_ADD);
	assert_int_equal(items[1].source, INSN_SCRATCH);
	assert_int_equal(items[1].destination, INSN_SCRATCH);
	assert_int_equal(items[1].immediate, amount);
	assert_int_equal(items[1].flags, INSN_FLAGS_RESULT);
	assert_int_equal(items[2].op, INSN_STORE);
	assert_int_equal(items[2].source, INSN_SCRATCH);
	assert_int_equal(items[2].flags, INSN_FLAGS_KEPT);
	assert_memory(&items[2], base, 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(items[i].width, 4);
		assert_int_equal(items[i].clobbered, 0);
	}
}

static void test_sums(void **state)
{
	struct insn insn = DECODE("\x83\xe8\x01"); /* sub eax,1 */
	struct steps steps;

	(void)state;
	assert_int_equal(insn.op, INSN_ADD);
	assert_int_equal(insn.immediate, -1);
	assert_int_equal(insn.width, 4);
	assert_int_equal(insn.source, RAX);
	assert_int_equal(insn.destination, RAX);
	insn = DECODE("\x8d\x56\xff"); /* lea edx,[rsi-1] */
	assert_int_equal(insn.op, INSN_ADD);
	assert_int_equal(insn.immediate, -1);
	assert_int_equal(insn.source, RSI);
	assert_int_equal(insn.destination, RDX);
	assert_int_equal(insn.width, 4);
	steps = DECODE_STEPS("\x83\x02\x01"); /* add dword [rdx],1 */
	assert_adds_to_memory(&steps, RDX, 1);
	steps = DECODE_STEPS("\xff\x0a"); /* dec dword [rdx] */
	assert_adds_to_memory(&steps, RDX, -1);
	insn = DECODE("\x48\x8d\x04\x91"); /* lea rax,[rcx+rdx*4] */
	assert_int_equal(insn.op, INSN_OTHER);
	assert_int_equal(insn.clobbered, 1U << RAX);
}

static void test_moves_and_masks(void **state)
{
	struct insn insn = DECODE("\x49\x89\xc4"); /* mov r12,rax */

	(void)state;
	assert_int_equal(insn.op, INSN_MOVE);
	assert_int_equal(insn.destination, R12);
	assert_int_equal(insn.source, RAX);
	assert_int_equal(insn.width, 8);
	insn = DECODE("\x31\xf6"); /* xor esi,esi */
	assert_int_equal(insn.op, INSN_SET);
	assert_int_equal(insn.destination, RSI);
	assert_int_equal(insn.immediate, 0);
	insn = DECODE("\x31\xfe"); /* xor esi,edi */
	assert_int_equal(insn.op, INSN_OTHER);
	assert_int_equal(insn.clobbered, 1U << RSI);
	insn = DECODE("\x81\xe2\xff\x3f\x00\x00"); /* and edx,0x3fff */
	assert_int_equal(insn.op, INSN_MASK);
	assert_int_equal(insn.immediate, 0x3fff);
	insn = DECODE("\xa9\xff\x3f\x00\x00"); /* test eax,0x3fff */
	assert_int_equal(insn.op, INSN_TEST_MASK);
	assert_int_equal(insn.source, RAX);
	assert_int_equal(insn.immediate, 0x3fff);
}

static void test_comparisons(void **state)
{
	struct insn insn = DECODE("\x48\x85\xd2"); /* test rdx,rdx */

	(void)state;
	assert_int_equal(insn.op, INSN_COMPARE);
	assert_int_equal(insn.source, RDX);
	assert_int_equal(insn.other, RDX);
	insn = DECODE("\x39\x59\x24"); /* cmp [rcx+36],ebx */
	assert_int_equal(insn.op, INSN_COMPARE);
	assert_int_equal(insn.width, 4);
	assert_int_equal(insn.source, RBX);
	assert_int_equal(insn.other, NONE);
	assert_memory(&insn, RCX, 36);
	insn = DECODE("\x81\xfb\xff\xff\x00\x00"); /* cmp ebx,0xffff */
	assert_int_equal(insn.source, RBX);
	assert_int_equal(insn.immediate, 0xffff);
}

static void test_flags(void **state)
{
	(void)state;
	assert_int_equal(DECODE("\x83\xe8\x01").flags, INSN_FLAGS_RESULT); /* sub eax,1 */
	assert_int_equal(DECODE("\x81\xe2\xff\x3f\x00\x00").flags,
			 INSN_FLAGS_RESULT);				     /* and edx,0x3fff */
	assert_int_equal(DECODE("\x8d\x56\xff").flags, INSN_FLAGS_KEPT);     /* lea edx,[rsi-1] */
	assert_int_equal(DECODE("\x48\x89\x4f\x08").flags, INSN_FLAGS_KEPT); /* mov [rdi+8],rcx */
	assert_int_equal(DECODE("\xbe\x00\x00\x10\x00").flags,
			 INSN_FLAGS_KEPT);				 /* mov esi,0x100000 */
	assert_int_equal(DECODE("\x74\x0a").flags, INSN_FLAGS_KEPT);	 /* je */
	assert_int_equal(DECODE("\x31\xf6").flags, INSN_FLAGS_LOST);	 /* xor esi,esi */
	assert_int_equal(DECODE("\x48\xf7\xe6").flags, INSN_FLAGS_LOST); /* mul rsi */
	assert_int_equal(DECODE("\xe8\x10\x00\x00\x00").flags, INSN_FLAGS_LOST); /* call */
}

static void test_flow(void **state)
{
	struct insn insn = DECODE("\x74\x0a"); /* je +10 */

	(void)state;
	assert_int_equal(insn.op, INSN_JUMP_IF);
	assert_true(insn.has_target);
	assert_int_equal(insn.target, ADDRESS + 2 + 10);
	insn = DECODE("\xe9\x00\xff\xff\xff"); /* jmp -256 */
	assert_int_equal(insn.op, INSN_JUMP);
	assert_int_equal(insn.target, ADDRESS + 5 - 256);
	insn = DECODE("\xff\xe0"); /* jmp rax */
	assert_int_equal(insn.op, INSN_JUMP);
	assert_false(insn.has_target);
	insn = DECODE("\xe8\x10\x00\x00\x00"); /* call +16 */
	assert_int_equal(insn.op, INSN_CALL);
	assert_int_equal(insn.target, ADDRESS + 5 + 16);
	insn = DECODE("\xff\x15\x00\x00\x00\x00"); /* call [rip] */
	assert_int_equal(insn.op, INSN_CALL);
	assert_false(insn.has_target);
	insn = DECODE("\xc3"); /* ret */
	assert_int_equal(insn.op, INSN_RETURN);
}

#define IS_EMULATED(bytes) insn__is_emulated(&(struct insn[]){DECODE(bytes)}[0])
#define IS_REJECTED(bytes) (!insn__can_be_probed(&(struct insn[]){DECODE(bytes)}[0]))

/* Source: branch_setup_ops() and push_setup_ops(), arch/x86/kernel/uprobes.c. */
static void test_what_the_kernel_emulates(void **state)
{
	(void)state;
	assert_true(IS_EMULATED("\x74\x0a"));			  /* je, short */
	assert_true(IS_EMULATED("\x0f\x85\xb3\x00\x00\x00"));	  /* jne, near */
	assert_true(IS_EMULATED("\xeb\x10"));			  /* jmp, short */
	assert_true(IS_EMULATED("\xe9\x00\xff\xff\xff"));	  /* jmp, near */
	assert_true(IS_EMULATED("\xe8\x10\x00\x00\x00"));	  /* call */
	assert_true(IS_EMULATED("\x53"));			  /* push rbx */
	assert_true(IS_EMULATED("\x41\x54"));			  /* push r12 */
	assert_true(IS_EMULATED("\x90"));			  /* nop */
	assert_true(IS_EMULATED("\xf2\x0f\x84\x00\x01\x00\x00")); /* bnd je */
	assert_false(IS_EMULATED("\x5b"));			  /* pop rbx */
	assert_false(IS_EMULATED("\xc3"));			  /* ret */
	assert_false(IS_EMULATED("\xff\x15\x00\x00\x00\x00"));	  /* call [rip] */
	assert_false(IS_EMULATED("\xff\xe0"));			  /* jmp rax */
	assert_false(IS_EMULATED("\x48\x8b\x47\x08"));		  /* mov */
	assert_false(IS_EMULATED("\x0f\x1f\x40\x00"));		  /* nop of 4 bytes */
	assert_false(IS_EMULATED("\xf3\x0f\x1e\xfa"));		  /* endbr64 */
	assert_false(IS_EMULATED("\x41\x5c"));			  /* pop r12 */
	assert_false(IS_EMULATED("\x48\x0f\x44\xc1"));		  /* cmove */
}

/* Source: is_prefix_bad() and good_insns_64, in the same file. */
static void test_what_the_kernel_rejects(void **state)
{
	(void)state;
	assert_true(IS_REJECTED("\x2e\x74\x0a"));	  /* je with a hint */
	assert_true(IS_REJECTED("\x3e\xff\xe0"));	  /* notrack jmp rax */
	assert_true(IS_REJECTED("\x3e\x41\xff\xe2"));	  /* notrack jmp r10 */
	assert_true(IS_REJECTED("\xf0\x48\x0f\xc1\x02")); /* lock xadd [rdx],rax */
	assert_true(IS_REJECTED("\xcc"));		  /* int3 */
	assert_true(IS_REJECTED("\xcd\x80"));		  /* int 0x80 */
	assert_true(IS_REJECTED("\xf4"));		  /* hlt */
	assert_true(IS_REJECTED("\xf3\x6d"));		  /* rep insd */
	assert_false(IS_REJECTED("\x00\x00"));		  /* add [rax],al */
	assert_false(IS_REJECTED("\x64\x48\x8b\x07"));	  /* mov rax,fs:[rdi] */
	assert_false(IS_REJECTED("\x66\x0f\x6f\x07"));	  /* movdqa xmm0,[rdi] */
	assert_false(IS_REJECTED("\xff\xe0"));		  /* jmp rax */
	assert_false(IS_REJECTED("\xf3\x0f\x1e\xfa"));	  /* endbr64 */
	assert_false(IS_REJECTED("\xf3\x48\xab"));	  /* rep stosq */
	assert_false(IS_REJECTED("\xc3"));		  /* ret */
	assert_false(IS_REJECTED("\x74\x0a"));		  /* je */
}

static void test_registers_written(void **state)
{
	struct insn insn = DECODE("\x48\x87\xd8"); /* xchg rax,rbx */

	(void)state;
	assert_int_equal(insn.op, INSN_OTHER);
	assert_int_equal(insn.clobbered, 1U << RAX | 1U << RBX);
	insn = DECODE("\x0f\xb6\xc1"); /* movzx eax,cl */
	assert_int_equal(insn.clobbered, 1U << RAX);
	insn = DECODE("\x5b"); /* pop rbx */
	assert_true(insn.clobbered & 1U << RBX);
	insn = DECODE("\x48\xf7\xe6"); /* mul rsi */
	assert_int_equal(insn.clobbered, 1U << RAX | 1U << RDX);
	insn = DECODE("\x88\xe0"); /* mov al,ah */
	assert_true(insn.clobbered & 1U << RAX);
}

static void test_what_cannot_be_decoded(void **state)
{
	struct insn insn = DECODE("\x06"); /* not an instruction in 64-bit mode */

	(void)state;
	assert_int_equal(insn.op, INSN_UNDECODED);
	assert_int_equal(insn.size, 1);
	assert_int_equal(insn.clobbered, UINT32_MAX);
	insn = DECODE("\x48\x8b"); /* the rest is missing */
	assert_int_equal(insn.op, INSN_UNDECODED);
	assert_int_equal(insn.size, 1);
}

static void test_calling_convention(void **state)
{
	uint32_t clobbered = DECODE("\xe8\x10\x00\x00\x00").clobbered; /* call +16 */

	(void)state;
	assert_int_equal(arch_x86_64.argument_registers[0], RDI);
	assert_int_equal(arch_x86_64.argument_registers[1], RSI);
	assert_int_equal(arch_x86_64.argument_registers[2], RDX);
	assert_int_equal(arch_x86_64.result_register, RAX);
	/* The call itself changes rsp: it pushes. */
	for (uint8_t reg = 0; reg < 16; reg++)
		assert_int_equal(clobbered >> reg & 1, reg != RBX && reg != RBP && reg < R12);
	assert_string_equal(arch__register_name(&arch_x86_64, R8), "r8");
	assert_string_equal(arch__register_name(&arch_x86_64, RSI), "rsi");
	assert_string_equal(arch__register_name(&arch_x86_64, NONE), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loads),
		cmocka_unit_test(test_stores),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_moves_and_masks),
		cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_what_the_kernel_emulates),
		cmocka_unit_test(test_what_the_kernel_rejects),
		cmocka_unit_test(test_registers_written),
		cmocka_unit_test(test_what_cannot_be_decoded),
		cmocka_unit_test(test_calling_convention),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
