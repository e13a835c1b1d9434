/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What registers and memory hold, symbolically, along straight-line code.
 *
 * Local value numbering: each value has a number; a register or a place in memory that holds it is
 * known by that number, and a value is known by how it came about (loaded from there, that plus 1,
 * ...). So code is recognized by what it computes. Which registers it uses, how it copies and
 * spills them, and in what order independent steps come, makes no difference.
 *
 * Stores are taken not to overwrite places of another name: that is what compilers would have to
 * prove and we only need to guess, because what is recognized is checked against reality by
 * `coverage`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/arch/insn.h"

typedef uint16_t value_id; /* 0: not known */

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
 * A value as an address: a value that is no sum, plus an offset. Two addresses are the same if both
 * parts are, whatever arithmetic led there. root 0: not known.
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
	bool stored; /* by the code, not just loaded */
	value_id value;
};

struct values {
	value_id registers[INSN_REGISTERS + 1]; /* the last is INSN_SCRATCH */
	struct value values[VALUES_MAX];
	uint32_t value_cnt;
	uint32_t overflow_cnt;		 /* so often the numbers ran out and all was forgotten */
	struct place places[PLACES_MAX]; /* a ring: the oldest is forgotten */
	uint32_t place_cnt;
	value_id flags;	      /* the value whose test against 0 the flags hold */
	struct insn compare;  /* the last comparison; op INSN_OTHER if none */
	value_id compared[2]; /* its registers' values then */
};

/* Forgets all: another path may lead here. */
void values__reset(struct values *values);

/* What @insn does to the state. */
void values__step(struct values *values, const struct insn *insn);

/* The value of a register or of INSN_SCRATCH, numbered now if it was not; else 0. */
value_id values__of_register(struct values *values, uint8_t reg);

/* Numbers every register's value: then it can be told whether one changes. */
void values__name_registers(struct values *values);

const struct value *values__get(const struct values *values, value_id id);

/* A value taken as an address. */
struct address values__as_address(const struct values *values, value_id id);

/* The address of a memory operand; its root is 0 if the operand is not plain. */
struct address values__memory_of(struct values *values, const struct insn *insn);

static inline struct address address__plus(struct address address, int64_t offset)
{
	return (struct address){.root = address.root, .offset = address.offset + offset};
}

static inline bool address__equals(struct address left, struct address right)
{
	return left.root && left.root == right.root && left.offset == right.offset;
}

/* The 8 bytes known to be at @address; 0 if they are not known. */
value_id values__at(const struct values *values, struct address address);

/* Whether the @width bytes at @address are known to be @id. */
bool values__is_at(const struct values *values, value_id id, struct address address, uint8_t width);

/* Whether the code has stored to the 8 bytes at @address. */
bool values__has_stored(const struct values *values, struct address address);

/* Whether @id was loaded, @width bytes; writes from where. */
bool values__is_load(const struct values *values, value_id id, uint8_t width,
		     struct address *address);

/* The places noted, newest first: @index from 0 on, NULL at the end. */
const struct place *values__place(const struct values *values, uint32_t index);

/* A register that holds @address less *displacement; the one with 0 if there is. False if none. */
bool values__find_register(const struct values *values, struct address address, uint8_t *reg,
			   int64_t *displacement);

/* A place in memory, 8 bytes at [*reg + *displacement], that holds @address. False if none. */
bool values__find_place(const struct values *values, struct address address, uint8_t *reg,
			int64_t *displacement);

/* @id without the LOW parts taken of it. */
value_id values__strip_low(const struct values *values, value_id id);
