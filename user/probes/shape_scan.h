/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of a scan for shapes, and the operations on it that all shapes need. Private to
 * shape*.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "probes/arch/arch.h"
#include "probes/shape_site.h"
#include "probes/values.h"
#include "pyfrag/events.h"
#include "pymalloc/layout.h"

/* Shapes that overlap in one block of code. Compilers interleave at most two. */
#define SHAPE_PENDING_MAX 8

/* The location of an operand, encoded as in struct pyfrag_site. reg PYFRAG_NO_REGISTER: none. */
struct operand {
	uint8_t reg;
	int16_t displacement;
};

/* A shape that was recognized but has no site yet. */
struct pending {
	uint8_t type; /* enum pyfrag_event_type */
	bool counted; /* the change of the pool's count was seen */
	struct address pool, operand;
	/* Where to probe if no emulated instruction follows; 0 until it is known. */
	uint64_t fallback;
	struct operand fallback_operand;
	/* EVENT_NEW_POOL: the instruction that sets the count, and the registers' values there. */
	uint64_t start;
	struct operand start_operand;
	value_id registers[INSN_REGISTERS];
};

struct shape_scan {
	const struct arch *arch;
	struct values values, ahead;
	struct pending pending[SHAPE_PENDING_MAX];
	size_t pending_cnt;
	/* Pools whose count was changed by 1 in this block of code. */
	struct counted_pool {
		struct address pool;
		int change;
	} counted[SHAPE_PENDING_MAX];
	size_t counted_cnt;
	const struct insn *insns;
	size_t insn_cnt;
	uint64_t *leaders; /* sorted: the targets of jumps in this function */
	size_t leader_cnt, leader_capacity;
	int (*found)(const struct shape_site *site, void *context);
	void *context;
};

/* Where @wanted can be found now. */
struct operand shape_scan__find_operand(const struct values *values, struct address wanted);

/* The first step at or after @address; insn_cnt if there is none in this function. */
size_t shape_scan__find_insn(const struct shape_scan *scan, uint64_t address);

/* The end of the lookahead from the step at @index on. It does not split an instruction. */
size_t shape_scan__end_ahead(const struct shape_scan *scan, size_t index);

/* What an event of @type adds to the count of a pool: 1 or -1. */
int shape_scan__wanted_change(uint8_t type);

/* Adds a shape that was recognized. Returns its entry, for the caller to add more to. */
struct pending *shape_scan__add_pending(struct shape_scan *scan, uint8_t type, struct address pool,
					struct address operand);

/* Reports a site. Returns what found() returns. */
int shape_scan__emit(struct shape_scan *scan, uint8_t type, uint64_t address,
		     struct operand operand, bool emulated);
