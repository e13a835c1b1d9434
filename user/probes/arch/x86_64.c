// SPDX-License-Identifier: BSD-2-Clause
/*
 * x86-64, decoded by Capstone. Registers have the numbers that they have in instruction encodings.
 * Part of a register counts as the register.
 */
#include "probes/arch/arch.h"

#include <capstone/capstone.h>
#include <elf.h>
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

/* Registers a called function may change: rax, rcx, rdx, rsi, rdi, r8 to r11 (System V ABI). */
#define CALL_CLOBBERED (1U << RAX | 1U << RCX | 1U << RDX | 1U << RSI | 1U << RDI | 0xfU << 8)

struct decoder {
	csh handle;
	cs_insn *insn;
	uint8_t numbers[X86_REG_ENDING]; /* by Capstone's register number */
};

#define REGISTERS 16

static const char *const names[REGISTERS] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
};

static const uint16_t parts[REGISTERS][5] = {
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

static void free_decoder(void *state)
{
	struct decoder *decoder = state;

	if (decoder->insn)
		cs_free(decoder->insn, 1);
	if (decoder->handle)
		cs_close(&decoder->handle);
	free(decoder);
}

static int new_decoder(void **out)
{
	struct decoder *decoder = calloc(1, sizeof(*decoder));

	if (!decoder)
		return -ENOMEM;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &decoder->handle) != CS_ERR_OK) {
		free_decoder(decoder);
		return -ENOTSUP;
	}
	cs_option(decoder->handle, CS_OPT_DETAIL, CS_OPT_ON);
	decoder->insn = cs_malloc(decoder->handle);
	if (!decoder->insn) {
		free_decoder(decoder);
		return -ENOMEM;
	}
	memset(decoder->numbers, INSN_NO_REGISTER, sizeof(decoder->numbers));
	for (uint8_t i = 0; i < REGISTERS; i++)
		for (size_t part = 0; part < 5 && parts[i][part]; part++)
			decoder->numbers[parts[i][part]] = i;
	*out = decoder;
	return 0;
}

/*
 * The instructions that the kernel emulates, by their first opcode bytes: jumps, calls, nop (0x90)
 * and push of a register. Source: branch_setup_ops() and push_setup_ops() in
 * arch/x86/kernel/uprobes.c, Linux 5.10 to 6.18.
 */
static bool is_emulated(const uint8_t *bytes, size_t size)
{
	size_t at = 0;
	uint8_t opcode;

	while (at + 1 < size && bytes[at] == 0xf2)
		at++; /* bnd */
	if (at + 1 < size && bytes[at] >= 0x40 && bytes[at] <= 0x4f)
		return bytes[at + 1] >= 0x50 && bytes[at + 1] <= 0x57;
	opcode = bytes[at];
	if (opcode == 0x0f)
		return at + 1 < size && (bytes[at + 1] & 0xf0) == 0x80;
	return (opcode & 0xf0) == 0x70 || (opcode >= 0x50 && opcode <= 0x57) || opcode == 0xeb ||
	       opcode == 0xe9 || opcode == 0xe8 || opcode == 0x90;
}

/*
 * The kernel rejects instructions with these prefixes: segment overrides that have no effect in
 * 64-bit mode (also used as branch hints and notrack), and lock. Source: is_prefix_bad() in the
 * same file.
 */
static bool is_bad_prefix(uint8_t byte)
{
	return byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0xf0;
}

/*
 * The kernel also rejects these opcodes: input and output, interrupts, instructions that are not
 * allowed in user space, and invalid ones. Source: good_insns_64 in the same file.
 */
static bool is_bad_opcode(uint8_t opcode)
{
	switch (opcode) {
	case 0x06 ... 0x07:
	case 0x0e:
	case 0x16 ... 0x17:
	case 0x1e ... 0x1f:
	case 0x27:
	case 0x2f:
	case 0x37:
	case 0x3f:
	case 0x60 ... 0x62:
	case 0x6c ... 0x6f:
	case 0x82:
	case 0x9a:
	case 0xcc ... 0xcf:
	case 0xd4 ... 0xd6:
	case 0xe4 ... 0xe7:
	case 0xea:
	case 0xec ... 0xef:
	case 0xf1:
	case 0xf4:
	case 0xfa ... 0xfb:
		return true;
	default:
		return false;
	}
}

/* The length of the AVX prefix that begins with @byte; 0 if it is none. The opcode follows it. */
static size_t avx_prefix_bytes(uint8_t byte)
{
	switch (byte) {
	case 0xc5:
		return 2;
	case 0xc4:
		return 3;
	case 0x62:
		return 4;
	default:
		return 0;
	}
}

static bool is_rejected(const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	/* fs and gs, operand and address size, repeat */
	while (at + 1 < size &&
	       ((bytes[at] >= 0x64 && bytes[at] <= 0x67) || bytes[at] == 0xf2 || bytes[at] == 0xf3))
		at++;
	if (is_bad_prefix(bytes[at]))
		return true;
	if (at + 1 < size && (bytes[at] & 0xf0) == 0x40)
		at++; /* REX */
	at += avx_prefix_bytes(bytes[at]);
	return at < size && is_bad_opcode(bytes[at]);
}

static uint8_t uprobe_of(const cs_insn *raw)
{
	if (is_emulated(raw->bytes, raw->size))
		return INSN_EMULATED;
	return is_rejected(raw->bytes, raw->size) ? INSN_REJECTED : INSN_SINGLE_STEPPED;
}

static uint8_t number_of(const struct decoder *decoder, unsigned int reg)
{
	return reg < X86_REG_ENDING ? decoder->numbers[reg] : INSN_NO_REGISTER;
}

static struct insn_memory memory_of(const struct decoder *decoder, const cs_x86_op *operand,
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

static bool is_general(const struct decoder *decoder, const cs_x86_op *operand)
{
	return operand->type == X86_OP_REG && number_of(decoder, operand->reg) != INSN_NO_REGISTER;
}

static void find_clobbered(const struct decoder *decoder, const cs_insn *raw, struct insn *insn)
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

/* [@memory] = @source, a register or INSN_SCRATCH. */
static void make_store(struct insn *step, struct insn_memory memory, uint8_t width, uint8_t source)
{
	step->op = INSN_STORE;
	step->width = width;
	step->has_memory = true;
	step->memory = memory;
	step->source = source;
}

/* Like all functions that may translate to several steps, returns the number of steps. */
static size_t translate_move_to_memory(const struct decoder *decoder, const cs_x86 *x86,
				       struct insn *steps)
{
	const cs_x86_op *to = &x86->operands[0], *from = &x86->operands[1];
	struct insn_memory memory = memory_of(decoder, to, steps[0].address + steps[0].size);

	if (from->type != X86_OP_IMM) {
		make_store(&steps[0], memory, to->size, number_of(decoder, from->reg));
		return 1;
	}
	steps[0].op = INSN_SET;
	steps[0].width = to->size;
	steps[0].destination = INSN_SCRATCH;
	steps[0].immediate = from->imm;
	steps[1] = INSN_NOTHING;
	make_store(&steps[1], memory, to->size, INSN_SCRATCH);
	return 2;
}

static size_t translate_move(const struct decoder *decoder, const cs_x86 *x86, struct insn *steps)
{
	const cs_x86_op *to = &x86->operands[0], *from = &x86->operands[1];
	struct insn *insn = &steps[0];

	if (to->type == X86_OP_MEM)
		return translate_move_to_memory(decoder, x86, steps);
	if (!is_general(decoder, to))
		return 1;
	insn->width = to->size;
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
	return 1;
}

/* For stores of 16 bytes and of vector registers, only the address matters. */
static void translate_vector_store(const struct decoder *decoder, const cs_x86 *x86,
				   struct insn *insn)
{
	if (x86->op_count == 2 && x86->operands[0].type == X86_OP_MEM)
		make_store(insn, memory_of(decoder, &x86->operands[0], insn->address + insn->size),
			   x86->operands[0].size, INSN_NO_REGISTER);
}

static void make_add(struct insn *step, uint8_t reg, int64_t amount, uint8_t width)
{
	step->op = INSN_ADD;
	step->width = width;
	step->destination = step->source = reg;
	step->immediate = amount;
}

static size_t translate_add_to_memory(const struct decoder *decoder, const cs_x86_op *to,
				      int64_t amount, struct insn *steps)
{
	struct insn_memory memory = memory_of(decoder, to, steps[0].address + steps[0].size);

	steps[0].op = INSN_LOAD;
	steps[0].width = to->size;
	steps[0].destination = INSN_SCRATCH;
	steps[0].has_memory = true;
	steps[0].memory = memory;
	steps[1] = steps[2] = INSN_NOTHING;
	make_add(&steps[1], INSN_SCRATCH, amount, to->size);
	make_store(&steps[2], memory, to->size, INSN_SCRATCH);
	return 3;
}

static size_t translate_add(const struct decoder *decoder, const cs_x86 *x86, int64_t amount,
			    struct insn *steps)
{
	const cs_x86_op *to = &x86->operands[0];

	if (to->type == X86_OP_MEM)
		return translate_add_to_memory(decoder, to, amount, steps);
	if (is_general(decoder, to))
		make_add(&steps[0], number_of(decoder, to->reg), amount, to->size);
	return 1;
}

static void translate_lea(const struct decoder *decoder, const cs_x86 *x86, struct insn *insn)
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

static void translate_compare(const struct decoder *decoder, const cs_x86 *x86, bool test,
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

static void translate_flow(const struct decoder *decoder, const cs_insn *raw, struct insn *insn)
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
	if (insn->op == INSN_CALL)
		insn->clobbered |= CALL_CLOBBERED;
	if (x86->op_count == 1 && x86->operands[0].type == X86_OP_MEM) {
		insn->has_memory = true;
		insn->memory = memory_of(decoder, &x86->operands[0], insn->address + insn->size);
	}
	insn->has_target = x86->op_count == 1 && x86->operands[0].type == X86_OP_IMM;
	if (insn->has_target)
		insn->target = (uint64_t)x86->operands[0].imm;
}

/* xor of a register with itself, and masks. */
static void translate_logic(const struct decoder *decoder, const cs_insn *raw, struct insn *insn)
{
	const cs_x86 *x86 = &raw->detail->x86;
	const cs_x86_op *to = &x86->operands[0], *from = &x86->operands[1];

	if (!is_general(decoder, to))
		return;
	if (raw->id == X86_INS_XOR) {
		if (from->type != X86_OP_REG || to->reg != from->reg)
			return;
		insn->op = INSN_SET;
	} else {
		if (from->type != X86_OP_IMM)
			return;
		insn->op = INSN_MASK;
		insn->source = number_of(decoder, to->reg);
		insn->immediate = from->imm;
	}
	insn->destination = number_of(decoder, to->reg);
	insn->width = to->size;
}

/* Additions. Returns the number of steps. */
static size_t translate_sum(const struct decoder *decoder, const cs_insn *raw, struct insn *steps)
{
	const cs_x86 *x86 = &raw->detail->x86;
	const cs_x86_op *amount = &x86->operands[1];

	switch (raw->id) {
	case X86_INS_INC:
		return translate_add(decoder, x86, 1, steps);
	case X86_INS_DEC:
		return translate_add(decoder, x86, -1, steps);
	default:
		if (amount->type != X86_OP_IMM)
			return 1;
		return translate_add(decoder, x86,
				     raw->id == X86_INS_SUB ? -amount->imm : amount->imm, steps);
	}
}

/* Fills in the steps, of which only the first is initialized. Returns their number. */
static size_t translate(const struct decoder *decoder, const cs_insn *raw, struct insn *steps)
{
	const cs_x86 *x86 = &raw->detail->x86;

	switch (raw->id) {
	case X86_INS_MOV:
	case X86_INS_MOVABS:
		return translate_move(decoder, x86, steps);
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
		translate_vector_store(decoder, x86, steps);
		break;
	case X86_INS_INC:
	case X86_INS_DEC:
	case X86_INS_ADD:
	case X86_INS_SUB:
		return translate_sum(decoder, raw, steps);
	case X86_INS_LEA:
		translate_lea(decoder, x86, steps);
		break;
	case X86_INS_CMP:
	case X86_INS_TEST:
		translate_compare(decoder, x86, raw->id == X86_INS_TEST, steps);
		break;
	case X86_INS_XOR:
	case X86_INS_AND:
		translate_logic(decoder, raw, steps);
		break;
	default:
		translate_flow(decoder, raw, steps);
		break;
	}
	return 1;
}

static uint8_t flags_after(const cs_insn *raw, const struct insn *step)
{
	switch (step->op) {
	case INSN_ADD:
		return raw->id == X86_INS_LEA ? INSN_FLAGS_KEPT : INSN_FLAGS_RESULT;
	case INSN_MASK:
		return INSN_FLAGS_RESULT;
	case INSN_SET:
		return raw->id == X86_INS_XOR ? INSN_FLAGS_LOST : INSN_FLAGS_KEPT;
	case INSN_MOVE:
	case INSN_LOAD:
	case INSN_STORE:
	case INSN_JUMP_IF:
	case INSN_JUMP:
		return INSN_FLAGS_KEPT;
	default:
		return INSN_FLAGS_LOST;
	}
}

static size_t decode(void *state, const uint8_t *bytes, size_t size, uint64_t address,
		     struct insn *steps)
{
	struct decoder *decoder = state;
	uint64_t at = address;
	size_t cnt;

	if (!cs_disasm_iter(decoder->handle, &bytes, &size, &at, decoder->insn))
		return 0;
	steps[0] = INSN_NOTHING;
	steps[0].address = address;
	steps[0].size = (uint8_t)decoder->insn->size;
	steps[0].uprobe = uprobe_of(decoder->insn);
	find_clobbered(decoder, decoder->insn, &steps[0]);
	cnt = translate(decoder, decoder->insn, steps);
	for (size_t i = 0; i < cnt; i++)
		steps[i].flags = flags_after(decoder->insn, &steps[i]);
	return cnt;
}

void pyfrag_x86_64_emulated(void);
void pyfrag_x86_64_stepped(void);

__asm__(".pushsection .text\n"
	".type pyfrag_x86_64_emulated, %function\n"
	"pyfrag_x86_64_emulated: .byte 0xeb, 0x00, 0xc3\n" /* jmp to the next; ret */
	".type pyfrag_x86_64_stepped, %function\n"
	"pyfrag_x86_64_stepped: .byte 0x48, 0x89, 0xc0, 0xc3\n" /* mov %rax,%rax; ret */
	".popsection\n");

const struct arch arch_x86_64 = {
	.name = "x86-64",
	.elf_machine = EM_X86_64,
	.register_names = names,
	.register_cnt = REGISTERS,
	.argument_registers = {RDI, RSI, RDX},
	.result_register = RAX,
	.lookahead = 8,
	.breakpoint = {0xcc},
	.breakpoint_bytes = 1,
	.skipped_bytes = 1,
	.new_state = new_decoder,
	.free_state = free_decoder,
	.decode = decode,
	.emulated_function = pyfrag_x86_64_emulated,
	.stepped_function = pyfrag_x86_64_stepped,
};
