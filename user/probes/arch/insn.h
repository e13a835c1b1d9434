/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine instructions of any architecture, reduced to what the allocator's shapes are made of:
 * moves, loads and stores with plain addresses, additions of constants, masks, comparisons, and
 * jumps. Everything else is INSN_OTHER, with the registers that it writes.
 *
 * An instruction becomes one step or several, which take effect one after the other and have the
 * same address: a load of two registers is two loads, one that also increments its base is a load
 * and an addition, a compare-and-branch is a comparison and a jump.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSN_REGISTERS	 32 /* general registers of the architecture that has the most */
#define INSN_NO_REGISTER 0xff
#define INSN_STEPS_MAX	 4

enum insn_op {
	INSN_OTHER,
	INSN_UNDECODED,	 /* may do anything */
	INSN_MOVE,	 /* destination = source */
	INSN_SET,	 /* destination = immediate */
	INSN_ADD,	 /* destination = source + immediate */
	INSN_MASK,	 /* destination = source & immediate */
	INSN_LOAD,	 /* destination = [memory] */
	INSN_STORE,	 /* [memory] = source */
	INSN_STORE_SET,	 /* [memory] = immediate */
	INSN_ADD_MEMORY, /* [memory] += immediate */
	INSN_COMPARE,	 /* source with other, with [memory], or with immediate: what is there */
	INSN_TEST_MASK,	 /* source & immediate, result to the flags */
	INSN_JUMP_IF,
	INSN_JUMP,
	INSN_CALL,
	INSN_RETURN,
};

/* How the kernel runs an instruction that is probed. */
enum insn_uprobe {
	INSN_SINGLE_STEPPED, /* a copy of it, with a second trap */
	INSN_EMULATED,	     /* without one: such a hit is cheaper */
	INSN_REJECTED,	     /* not at all: it refuses to put a probe there */
};

struct insn_memory {
	uint8_t base; /* register, or INSN_NO_REGISTER: displacement is the address */
	bool plain;   /* [base + displacement] and nothing else: no index, no segment */
	int64_t displacement;
};

/* A step. What says "of the instruction" is the same in all steps of one. */
struct insn {
	uint64_t address;		    /* of the instruction */
	uint8_t size;			    /* of the instruction, bytes */
	uint8_t uprobe;			    /* of the instruction: enum insn_uprobe */
	uint8_t step, step_cnt;		    /* 0 is the first; how many the instruction has */
	uint8_t op;			    /* enum insn_op */
	uint8_t width;			    /* bytes that are moved, stored or computed */
	uint8_t destination, source, other; /* registers or INSN_NO_REGISTER */
	bool has_memory;
	bool has_target; /* a jump or call to a fixed address */
	struct insn_memory memory;
	int64_t immediate;
	uint64_t target;
	/*
	 * Registers written, a bit each, @destination included; by a call, those that it need not
	 * keep.
	 */
	uint32_t clobbered;
};

/* An instruction of one step that has no effect: what a decoder fills in. */
#define INSN_NOTHING                                                                               \
	(struct insn)                                                                              \
	{                                                                                          \
		.destination = INSN_NO_REGISTER, .source = INSN_NO_REGISTER,                       \
		.other = INSN_NO_REGISTER                                                          \
	}

static inline bool insn__is_last_step(const struct insn *insn)
{
	return insn->step + 1 == insn->step_cnt;
}

static inline bool insn__is_emulated(const struct insn *insn)
{
	return insn->uprobe == INSN_EMULATED;
}

/* Whether it is known to be an instruction that the kernel lets be probed. */
static inline bool insn__can_be_probed(const struct insn *insn)
{
	return insn->op != INSN_UNDECODED && insn->uprobe != INSN_REJECTED;
}
