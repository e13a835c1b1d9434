/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine instructions of any architecture, reduced to what the allocator's shapes are made of:
 * moves, loads and stores with plain addresses, additions of constants, masks, comparisons, and
 * jumps. Everything else is INSN_OTHER, with the registers that it writes.
 *
 * An instruction becomes one step or several, which take effect one after the other and have the
 * same address, so that there is one way only to express each operation:
 *
 *   increment in memory		load into INSN_SCRATCH, add, store
 *   store of a constant		set INSN_SCRATCH, store
 *   load of two registers		two loads
 *   load that increments its base	load, add
 *   compare and branch			compare, jump
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSN_REGISTERS	 32 /* general registers of the architecture that has the most */
#define INSN_SCRATCH	 INSN_REGISTERS /* for what a step leaves to the next one */
#define INSN_NO_REGISTER 0xff
#define INSN_STEPS_MAX	 4

enum insn_op {
	INSN_OTHER,
	INSN_UNDECODED, /* may do anything */
	INSN_MOVE,	/* destination = source */
	INSN_SET,	/* destination = immediate */
	INSN_ADD,	/* destination = source + immediate */
	INSN_MASK,	/* destination = source & immediate */
	INSN_LOAD,	/* destination = [memory] */
	INSN_STORE,	/* [memory] = source */
	INSN_COMPARE,	/* source with other, with [memory], or with immediate: what is there */
	INSN_TEST_MASK, /* source & immediate with 0 */
	INSN_JUMP_IF,
	INSN_JUMP,
	INSN_CALL,
	INSN_RETURN,
};

/* What a step does to the flags; INSN_COMPARE and INSN_TEST_MASK set them as they say. */
enum insn_flags {
	INSN_FLAGS_LOST, /* or nobody knows */
	INSN_FLAGS_KEPT,
	INSN_FLAGS_RESULT, /* as a comparison of its result with 0 would */
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
	uint8_t flags;			    /* enum insn_flags */
	uint8_t width;			    /* bytes that are moved, stored or computed */
	uint8_t destination, source, other; /* registers, INSN_SCRATCH or INSN_NO_REGISTER */
	bool has_memory;
	bool has_target; /* a jump or call to a fixed address */
	struct insn_memory memory;
	int64_t immediate;
	uint64_t target;
	/*
	 * General registers written, a bit each, @destination included; by a call, those that it
	 * need not keep.
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
