// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: any bytes can be decoded as code, from first to last. Each instruction begins where the
 * one before ended, none extends past the end, and all registers exist. Whatever shapes are then
 * recognized, each site is at an instruction (the kernel refuses other places), says correctly
 * whether the kernel emulates that instruction, and has operands that BPF can fetch.
 *
 * Input: code.
 */
#include "fuzz.h"
#include "probes/arch/insn_decoder.h"
#include "probes/shapes.h"

#define ADDRESS	      0x401000UL
#define INSNS_MAX     4096
#define X86_REGISTERS 16

struct code {
	struct insn insns[INSNS_MAX];
	size_t cnt;
};

static void check_register(uint8_t reg)
{
	CHECK(reg == INSN_NO_REGISTER || reg == INSN_SCRATCH || reg < X86_REGISTERS);
}

static void check_insn(const struct insn *insn)
{
	CHECK(insn->op <= INSN_RETURN);
	CHECK(insn->uprobe <= INSN_REJECTED);
	check_register(insn->destination);
	check_register(insn->source);
	check_register(insn->other);
	if (insn->has_memory) {
		check_register(insn->memory.base);
		CHECK(insn->memory.base != INSN_SCRATCH);
	}
	if (insn->destination < INSN_REGISTERS && insn->op != INSN_UNDECODED)
		CHECK(insn->clobbered >> insn->destination & 1);
}

static void decode_all(struct insn_decoder *decoder, const uint8_t *bytes, size_t size,
		       struct code *code)
{
	size_t at = 0;

	code->cnt = 0;
	while (at < size && code->cnt <= INSNS_MAX - INSN_STEPS_MAX) {
		struct insn *steps = &code->insns[code->cnt];
		size_t cnt =
			insn_decoder__decode(decoder, bytes + at, size - at, ADDRESS + at, steps);

		CHECK(cnt >= 1 && cnt <= INSN_STEPS_MAX);
		CHECK(steps->size >= 1 && steps->size <= 15 && steps->size <= size - at);
		for (size_t i = 0; i < cnt; i++) {
			CHECK(steps[i].address == ADDRESS + at && steps[i].size == steps->size);
			CHECK(steps[i].step == i && steps[i].step_cnt == cnt);
			check_insn(&steps[i]);
		}
		code->cnt += cnt;
		at += steps->size;
	}
}

/* A register, or memory near one. */
static void check_operand(uint8_t operand)
{
	if (operand != PYFRAG_NO_REGISTER)
		CHECK((operand & ~PYFRAG_OPERAND_IN_MEMORY) < X86_REGISTERS);
}

static int check_site(const struct shape_site *site, void *context)
{
	const struct code *code = context;
	const struct insn *insn = NULL;

	for (size_t i = 0; i < code->cnt; i++)
		if (code->insns[i].address == site->address)
			insn = &code->insns[i];
	CHECK(insn && insn__can_be_probed(insn));
	CHECK(site->emulated == insn__is_emulated(insn));
	CHECK(site->site.type >= EVENT_ALLOC && site->site.type <= EVENT_ARENA_UNMAP);
	check_operand(site->site.operand);
	CHECK(site->site.operand != PYFRAG_NO_REGISTER);
	if (site->site.type == EVENT_NEW_POOL) {
		check_operand(site->site.compared[0]);
		check_operand(site->site.compared[1]);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct insn_decoder *decoder;
	static struct shape_scan *scan;
	static struct code code;
	uint8_t *copy;

	if (!decoder)
		CHECK(!insn_decoder__new(&decoder, &arch_x86_64));
	if (!scan)
		CHECK(!shape_scan__new(&scan, &arch_x86_64));
	copy = malloc(size ? size : 1);
	CHECK(copy);
	if (size)
		memcpy(copy, data, size);
	decode_all(decoder, copy, size, &code);
	CHECK(!shape_scan__function(scan, code.insns, code.cnt, check_site, &code));
	free(copy);
	return 0;
}
