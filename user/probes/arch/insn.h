/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions, reduced to what the allocator's shapes are made of: moves, loads and stores with
 * plain addresses, additions of constants, masks, comparisons, and jumps. Everything else is
 * "other", with the registers it writes. One decoder per architecture fills this; what reads it
 * knows none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSN_REGISTERS	 32 /* general registers of the widest architecture */
#define INSN_NO_REGISTER 0xff

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

struct insn_memory {
	uint8_t base; /* register, or INSN_NO_REGISTER: displacement is the address */
	bool plain;   /* [base + displacement] and nothing else: no index, no segment */
	int64_t displacement;
};

struct insn {
	uint64_t address;
	uint8_t size;			    /* bytes */
	uint8_t op;			    /* enum insn_op */
	uint8_t width;			    /* bytes that are moved, stored or computed */
	uint8_t destination, source, other; /* registers or INSN_NO_REGISTER */
	bool has_memory;
	bool has_target; /* a jump or call to a fixed address */
	/* The kernel emulates it when it is probed, instead of single-stepping it. */
	bool emulated;
	struct insn_memory memory;
	int64_t immediate;
	uint64_t target;
	uint32_t clobbered; /* registers written, a bit each, @destination included */
};

struct insn_decoder;

/* A decoder for the architecture this program runs on. Returns 0, -ENOTSUP or -ENOMEM. */
int insn_decoder__new(struct insn_decoder **out);
void insn_decoder__free(struct insn_decoder *decoder);
void insn_decoder__freep(struct insn_decoder **decoder);

/*
 * Decodes the instruction at @bytes, which lies at @address; at most @size bytes. Always fills
 * *insn and advances by insn->size, which is at least 1.
 */
void insn_decoder__decode(struct insn_decoder *decoder, const uint8_t *bytes, size_t size,
			  uint64_t address, struct insn *insn);

/* Registers that a called function may change. */
uint32_t insn__call_clobbered(void);

/* The registers of the first three arguments of a call. */
uint8_t insn__argument_register(int index);

/* The register in which a call returns its value. */
uint8_t insn__result_register(void);

/* "rax", ... */
const char *insn__register_name(uint8_t reg);
