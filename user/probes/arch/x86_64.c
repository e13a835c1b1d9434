// SPDX-License-Identifier: BSD-2-Clause
/*
 * x86-64, by Capstone. Registers are numbered as in instruction encodings; a part of a register
 * counts as the register.
 */
#include "probes/arch/insn.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

enum {
	RAX,
	RCX,
	RDX,
	RBX,
	RSP,
	RBP,
	RSI,
	RDI,
};

struct insn_decoder {
	csh handle;
	cs_insn *insn;
	uint8_t numbers[X86_REG_ENDING]; /* of Capstone's registers */
};

#define REGISTER_NAMES 16

static const char *const names[REGISTER_NAMES] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
};

static const uint16_t parts[REGISTER_NAMES][5] = {
	{X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH},
	{X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH},
	{X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH},
	{X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH},
	{X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL},
	{X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL},
	{X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL},
	{X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL},
	{X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B},
	{X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B},
	{X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B},
	{X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B},
	{X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B},
	{X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B},
	{X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B},
	{X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B},
};

int insn_decoder__new(struct insn_decoder **out)
{
	_cleanup_(insn_decoder__freep) struct insn_decoder *decoder = NULL;

	decoder = calloc(1, sizeof(*decoder));
	if (!decoder)
		return -ENOMEM;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &decoder->handle) != CS_ERR_OK)
		return -ENOTSUP;
	cs_option(decoder->handle, CS_OPT_DETAIL, CS_OPT_ON);
	decoder->insn = cs_malloc(decoder->handle);
	if (!decoder->insn)
		return -ENOMEM;
	memset(decoder->numbers, INSN_NO_REGISTER, sizeof(decoder->numbers));
	for (uint8_t i = 0; i < REGISTER_NAMES; i++)
		for (size_t part = 0; part < 5 && parts[i][part]; part++)
			decoder->numbers[parts[i][part]] = i;
	*out = TAKE_PTR(decoder);
	return 0;
}

void insn_decoder__free(struct insn_decoder *decoder)
{
	if (!decoder)
		return;
	if (decoder->insn)
		cs_free(decoder->insn, 1);
	if (decoder->handle)
		cs_close(&decoder->handle);
	free(decoder);
}

void insn_decoder__freep(struct insn_decoder **decoder)
{
	insn_decoder__free(*decoder);
}

uint32_t insn__call_clobbered(void)
{
	/* System V ABI: rax, rcx, rdx, rsi, rdi, r8 to r11. */
	return 1 << RAX | 1 << RCX | 1 << RDX | 1 << RSI | 1 << RDI | 0xf << 8;
}

uint8_t insn__argument_register(int index)
{
	static const uint8_t registers[] = {RDI, RSI, RDX};

	return registers[index];
}

uint8_t insn__result_register(void)
{
	return RAX;
}

const char *insn__register_name(uint8_t reg)
{
	return reg < REGISTER_NAMES ? names[reg] : "?";
}

/*
 * What the kernel emulates, by first opcode bytes: jumps, calls, nop (0x90) and push of a register.
 * Source: branch_setup_ops() and push_setup_ops() in arch/x86/kernel/uprobes.c, Linux 5.10 to 6.18.
 */
static bool is_emulated(const uint8_t *bytes, size_t size)
{
	size_t at = 0;
	uint8_t opcode;

	while (at + 1 < size && (bytes[at] == 0x2e || bytes[at] == 0x3e || bytes[at] == 0xf2))
		at++; /* branch hints, bnd */
	if (at + 1 < size && bytes[at] >= 0x40 && bytes[at] <= 0x4f)
		return bytes[at + 1] >= 0x50 && bytes[at + 1] <= 0x57;
	opcode = bytes[at];
	if (opcode == 0x0f)
		return at + 1 < size && (bytes[at + 1] & 0xf0) == 0x80;
	return (opcode & 0xf0) == 0x70 || (opcode >= 0x50 && opcode <= 0x57) || opcode == 0xeb ||
	       opcode == 0xe9 || opcode == 0xe8 || opcode == 0x90;
}

static uint8_t number_of(const struct insn_decoder *decoder, unsigned int reg)
{
	return reg < X86_REG_ENDING ? decoder->numbers[reg] : INSN_NO_REGISTER;
}

static struct insn_memory memory_of(const struct insn_decoder *decoder, const cs_x86_op *operand,
				    uint64_t next)
{
	const x86_op_mem *mem = &operand->mem;
	struct insn_memory memory = {
		.base = INSN_NO_REGISTER,
		.plain = mem->index == X86_REG_INVALID && mem->segment == X86_REG_INVALID,
		.displacement = mem->disp,
	};

	if (mem->base == X86_REG_RIP)
		memory.displacement += (int64_t)next;
	else if (mem->base != X86_REG_INVALID)
		memory.base = number_of(decoder, mem->base);
	return memory;
}

static bool is_general(const struct insn_decoder *decoder, const cs_x86_op *operand)
{
	return operand->type == X86_OP_REG && number_of(decoder, operand->reg) != INSN_NO_REGISTER;
}

static void find_clobbered(const struct insn_decoder *decoder, const cs_insn *raw,
			   struct insn *insn)
{
	uint8_t read_cnt, write_cnt;
	cs_regs read, written;

	if (cs_regs_access(decoder->handle, raw, read, &read_cnt, written, &write_cnt))
		return;
	for (uint8_t i = 0; i < write_cnt; i++) {
		uint8_t reg = number_of(decoder, written[i]);

		if (reg != INSN_NO_REGISTER)
			insn->clobbered |= 1U << reg;
	}
}

static void translate_move(const struct insn_decoder *decoder, const cs_x86 *x86, struct insn *insn)
{
	const cs_x86_op *to = &x86->operands[0], *from = &x86->operands[1];

	insn->width = to->size;
	if (to->type == X86_OP_MEM) {
		insn->has_memory = true;
		insn->memory = memory_of(decoder, to, insn->address + insn->size);
		if (from->type == X86_OP_IMM) {
			insn->op = INSN_STORE_SET;
			insn->immediate = from->imm;
		} else {
			insn->op = INSN_STORE;
			insn->source = number_of(decoder, from->reg);
		}
		return;
	}
	if (!is_general(decoder, to))
		return;
	insn->destination = number_of(decoder, to->reg);
	if (from->type == X86_OP_MEM) {
		insn->op = INSN_LOAD;
		insn->has_memory = true;
		insn->memory = memory_of(decoder, from, insn->address + insn->size);
	} else if (from->type == X86_OP_IMM) {
		insn->op = INSN_SET;
		insn->immediate = from->imm;
	} else if (is_general(decoder, from)) {
		insn->op = INSN_MOVE;
		insn->source = number_of(decoder, from->reg);
	}
}

/* Stores of 16 bytes and of vector registers matter only for where they go. */
static void translate_vector_store(const struct insn_decoder *decoder, const cs_x86 *x86,
				   struct insn *insn)
{
	if (x86->op_count != 2 || x86->operands[0].type != X86_OP_MEM)
		return;
	insn->op = INSN_STORE;
	insn->width = x86->operands[0].size;
	insn->has_memory = true;
	insn->memory = memory_of(decoder, &x86->operands[0], insn->address + insn->size);
}

static void translate_add(const struct insn_decoder *decoder, const cs_x86 *x86, int64_t amount,
			  struct insn *insn)
{
	const cs_x86_op *to = &x86->operands[0];

	insn->width = to->size;
	insn->immediate = amount;
	if (to->type == X86_OP_MEM) {
		insn->op = INSN_ADD_MEMORY;
		insn->has_memory = true;
		insn->memory = memory_of(decoder, to, insn->address + insn->size);
	} else if (is_general(decoder, to)) {
		insn->op = INSN_ADD;
		insn->destination = insn->source = number_of(decoder, to->reg);
	}
}

static void translate_lea(const struct insn_decoder *decoder, const cs_x86 *x86, struct insn *insn)
{
	struct insn_memory memory =
		memory_of(decoder, &x86->operands[1], insn->address + insn->size);

	if (!memory.plain)
		return;
	insn->width = x86->operands[0].size;
	insn->destination = number_of(decoder, x86->operands[0].reg);
	insn->immediate = memory.displacement;
	insn->source = memory.base;
	insn->op = memory.base == INSN_NO_REGISTER ? INSN_SET : INSN_ADD;
}

static void translate_compare(const struct insn_decoder *decoder, const cs_x86 *x86, bool test,
			      struct insn *insn)
{
	insn->op = INSN_COMPARE;
	insn->width = x86->operands[0].size;
	for (uint8_t i = 0; i < 2; i++) {
		const cs_x86_op *operand = &x86->operands[i];

		if (operand->type == X86_OP_MEM) {
			insn->has_memory = true;
			insn->memory = memory_of(decoder, operand, insn->address + insn->size);
		} else if (operand->type == X86_OP_IMM) {
			insn->immediate = operand->imm;
			if (test)
				insn->op = INSN_TEST_MASK;
		} else if (insn->source == INSN_NO_REGISTER) {
			insn->source = number_of(decoder, operand->reg);
		} else {
			insn->other = number_of(decoder, operand->reg);
		}
	}
}

static void translate_flow(const struct insn_decoder *decoder, const cs_insn *raw,
			   struct insn *insn)
{
	const cs_x86 *x86 = &raw->detail->x86;

	if (cs_insn_group(decoder->handle, raw, CS_GRP_CALL))
		insn->op = INSN_CALL;
	else if (cs_insn_group(decoder->handle, raw, CS_GRP_RET))
		insn->op = INSN_RETURN;
	else if (cs_insn_group(decoder->handle, raw, CS_GRP_JUMP))
		insn->op = raw->id == X86_INS_JMP ? INSN_JUMP : INSN_JUMP_IF;
	else
		return;
	if (x86->op_count == 1 && x86->operands[0].type == X86_OP_MEM) {
		insn->has_memory = true;
		insn->memory = memory_of(decoder, &x86->operands[0], insn->address + insn->size);
	}
	insn->has_target = x86->op_count == 1 && x86->operands[0].type == X86_OP_IMM;
	if (insn->has_target)
		insn->target = (uint64_t)x86->operands[0].imm;
}

static void translate_binary(const struct insn_decoder *decoder, const cs_insn *raw,
			     struct insn *insn)
{
	const cs_x86 *x86 = &raw->detail->x86;
	const cs_x86_op *to = &x86->operands[0], *from = &x86->operands[1];

	switch (raw->id) {
	case X86_INS_ADD:
		if (from->type == X86_OP_IMM)
			translate_add(decoder, x86, from->imm, insn);
		break;
	case X86_INS_SUB:
		if (from->type == X86_OP_IMM)
			translate_add(decoder, x86, -from->imm, insn);
		break;
	case X86_INS_XOR:
		if (is_general(decoder, to) && from->type == X86_OP_REG && to->reg == from->reg) {
			insn->op = INSN_SET;
			insn->destination = number_of(decoder, to->reg);
			insn->width = to->size;
		}
		break;
	case X86_INS_AND:
		if (is_general(decoder, to) && from->type == X86_OP_IMM) {
			insn->op = INSN_MASK;
			insn->destination = insn->source = number_of(decoder, to->reg);
			insn->immediate = from->imm;
			insn->width = to->size;
		}
		break;
	default:
		break;
	}
}

static void translate(const struct insn_decoder *decoder, const cs_insn *raw, struct insn *insn)
{
	const cs_x86 *x86 = &raw->detail->x86;

	switch (raw->id) {
	case X86_INS_MOV:
	case X86_INS_MOVABS:
		translate_move(decoder, x86, insn);
		break;
	case X86_INS_MOVAPS:
	case X86_INS_MOVUPS:
	case X86_INS_MOVDQA:
	case X86_INS_MOVDQU:
	case X86_INS_MOVQ:
	case X86_INS_VMOVAPS:
	case X86_INS_VMOVUPS:
	case X86_INS_VMOVDQA:
	case X86_INS_VMOVDQU:
	case X86_INS_VMOVQ:
		translate_vector_store(decoder, x86, insn);
		break;
	case X86_INS_INC:
		translate_add(decoder, x86, 1, insn);
		break;
	case X86_INS_DEC:
		translate_add(decoder, x86, -1, insn);
		break;
	case X86_INS_LEA:
		translate_lea(decoder, x86, insn);
		break;
	case X86_INS_CMP:
	case X86_INS_TEST:
		translate_compare(decoder, x86, raw->id == X86_INS_TEST, insn);
		break;
	case X86_INS_ADD:
	case X86_INS_SUB:
	case X86_INS_XOR:
	case X86_INS_AND:
		translate_binary(decoder, raw, insn);
		break;
	default:
		translate_flow(decoder, raw, insn);
		break;
	}
}

void insn_decoder__decode(struct insn_decoder *decoder, const uint8_t *bytes, size_t size,
			  uint64_t address, struct insn *insn)
{
	uint64_t at = address;

	*insn = (struct insn){
		.address = address,
		.destination = INSN_NO_REGISTER,
		.source = INSN_NO_REGISTER,
		.other = INSN_NO_REGISTER,
	};
	if (!cs_disasm_iter(decoder->handle, &bytes, &size, &at, decoder->insn)) {
		insn->op = INSN_UNDECODED;
		insn->size = 1;
		insn->clobbered = UINT32_MAX;
		return;
	}
	insn->size = (uint8_t)decoder->insn->size;
	insn->emulated = is_emulated(decoder->insn->bytes, decoder->insn->size);
	find_clobbered(decoder, decoder->insn, insn);
	translate(decoder, decoder->insn, insn);
}
