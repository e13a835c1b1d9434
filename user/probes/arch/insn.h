/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine instructions of any architecture, reduced to what the allocator's shapes consist of:
 * moves, loads and stores with plain addresses, additions of constants, masks, comparisons, and
 * jumps. Any other instruction is INSN_OTHER, with the registers that it writes.
 *
 * An instruction is translated into one or more steps, which take effect in order and have the same
 * address. So each operation can be expressed in only one way:
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

#define INSN_REGISTERS	 32		/* the most general registers of any architecture */
#define INSN_SCRATCH	 INSN_REGISTERS /* passes a value from one step to the next */
#define INSN_NO_REGISTER 0xff
#define INSN_STEPS_MAX	 4

enum insn_op {
	INSN_OTHER,
	INSN_UNDECODED, /* may have any effect */
	INSN_MOVE,	/* destination = source */
	INSN_SET,	/* destination = immediate */
	INSN_ADD,	/* destination = source + immediate */
	INSN_MASK,	/* destination = source & immediate */
	INSN_LOAD,	/* destination = [memory] */
	INSN_STORE,	/* [memory] = source */
	INSN_COMPARE,	/* source with other, with [memory] or with immediate, whichever is set */
	INSN_TEST_MASK, /* source & immediate with 0 */
	INSN_JUMP_IF,
	INSN_JUMP,
	INSN_CALL,
	INSN_RETURN,
};

/* The effect of a step on the flags. INSN_COMPARE and INSN_TEST_MASK set them as above. */
enum insn_flags {
	INSN_FLAGS_LOST, /* or unknown */
	INSN_FLAGS_KEPT,
	INSN_FLAGS_RESULT, /* like a comparison of its result with 0 */
};

/* How the kernel executes an instruction that is probed. */
enum insn_uprobe {
	INSN_SINGLE_STEPPED, /* executes a copy of it, with a second trap */
	INSN_EMULATED,	     /* no second trap, so a hit is cheaper */
	INSN_REJECTED,	     /* refuses to probe it */
};

struct insn_memory {
	uint8_t base; /* register; INSN_NO_REGISTER: displacement is the address */
	bool plain;   /* only [base + displacement]: no index, no segment */
	int64_t displacement;
};

/* A step. Members "of the instruction" are the same in all of its steps. */
struct insn {
	uint64_t address;		    /* of the instruction */
	uint8_t size;			    /* of the instruction, bytes */
	uint8_t uprobe;			    /* of the instruction: enum insn_uprobe */
	uint8_t step, step_cnt;		    /* number of this step from 0, and how many there are */
	uint8_t op;			    /* enum insn_op */
	uint8_t flags;			    /* enum insn_flags */
	uint8_t width;			    /* bytes moved, stored or computed */
	uint8_t destination, source, other; /* registers, INSN_SCRATCH or INSN_NO_REGISTER */
	bool has_memory;
	bool has_target; /* a jump or call to a fixed address */
	struct insn_memory memory;
	int64_t immediate;
	uint64_t target;
	/*
	 * General registers that it writes, including @destination, as a bit mask. For a call: the
	 * registers that the called function need not preserve.
	 */
	uint32_t clobbered;
};

/* The initial state of a step, which has no effect. A decoder fills it in. */
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

/* Whether the instruction is known and the kernel allows a probe on it. */
static inline bool insn__can_be_probed(const struct insn *insn)
{
	return insn->op != INSN_UNDECODED && insn->uprobe != INSN_REJECTED;
}
