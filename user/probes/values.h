/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The symbolic contents of registers and memory along straight-line code.
 *
 * This is local value numbering: each value has a number. A register or place in memory that holds
 * the value is known by this number, and a value is known by how it was computed (loaded from
 * there, that plus 1, ...). So code is recognized by what it computes. It makes no difference which
 * registers it uses, how it copies and spills them, and in what order independent steps come.
 *
 * Stores are assumed not to overwrite places with another address. Compilers have to prove that.
 * Here a guess is enough, because the result is checked against reality: a report's coverage shows
 * whether sites were missed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/arch/insn.h"

typedef uint16_t value_id; /* 0: unknown */

enum value_kind {
	VALUE_OPAQUE,
	VALUE_CONSTANT, /* amount */
	VALUE_LOADED,	/* width bytes from [of + amount] */
	VALUE_SUM,	/* of + amount, in width bytes */
	VALUE_MASKED,	/* of & amount */
	VALUE_LOW,	/* the low width bytes of `of` */
};

struct value {
	uint8_t kind;
	uint8_t width;
	value_id of;
	int64_t amount;
};

/*
 * A value as an address: a value that is not a sum, plus an offset. Two addresses are equal if both
 * parts are, whatever arithmetic computed them. root 0: unknown.
 */
struct address {
	value_id root;
	int64_t offset;
};

#define VALUES_MAX 4096
#define PLACES_MAX 48

struct place {
	struct address address;
	uint8_t width;
	bool stored; /* by the code, not only loaded */
	value_id value;
};

struct values {
	value_id registers[INSN_REGISTERS + 1]; /* the last is INSN_SCRATCH */
	struct value values[VALUES_MAX];
	uint32_t value_cnt;
	uint32_t overflow_cnt;		 /* resets because the numbers were used up */
	struct place places[PLACES_MAX]; /* a ring: the oldest one is overwritten */
	uint32_t place_cnt;
	value_id flags;	      /* the value that the flags compare with 0 */
	struct insn compare;  /* the last comparison; op INSN_OTHER if none */
	value_id compared[2]; /* the values of its registers then */
};

/* Forgets everything, because another path may lead here. */
void values__reset(struct values *values);

/* Applies the effect of @insn to the state. */
void values__step(struct values *values, const struct insn *insn);

/* The value of a register or of INSN_SCRATCH, which gets a number if it has none; 0 for others. */
value_id values__of_register(struct values *values, uint8_t reg);

/* Gives a number to the value of every register, so that changes can be detected. */
void values__name_registers(struct values *values);

const struct value *values__get(const struct values *values, value_id id);

/* The value taken as an address. */
struct address values__as_address(const struct values *values, value_id id);

/* The address of a memory operand. Its root is 0 if the operand is not plain. */
struct address values__memory_of(struct values *values, const struct insn *insn);

static inline struct address address__plus(struct address address, int64_t offset)
{
	return (struct address){.root = address.root, .offset = address.offset + offset};
}

static inline bool address__equals(struct address left, struct address right)
{
	return left.root && left.root == right.root && left.offset == right.offset;
}

/* The 8 bytes that are known to be at @address; 0 if they are unknown. */
value_id values__at(const struct values *values, struct address address);

/* Whether the @width bytes at @address are known to be @id. */
bool values__is_at(const struct values *values, value_id id, struct address address, uint8_t width);

/* Whether the code has stored to the 8 bytes at @address. */
bool values__has_stored(const struct values *values, struct address address);

/* Whether @id was loaded as @width bytes. If so, sets *address to where from. */
bool values__is_load(const struct values *values, value_id id, uint8_t width,
		     struct address *address);

/* The known places, newest first, from @index 0 on; NULL at the end. */
const struct place *values__place(const struct values *values, uint32_t index);

/* Finds a register that holds @address - *displacement, preferably one with 0. False if none. */
bool values__find_register(const struct values *values, struct address address, uint8_t *reg,
			   int64_t *displacement);

/* Finds 8 bytes of memory, at [*reg + *displacement], that hold @address. False if none. */
bool values__find_place(const struct values *values, struct address address, uint8_t *reg,
			int64_t *displacement);

/* The value of which @id is the low part, or @id itself. */
value_id values__strip_low(const struct values *values, value_id id);
