/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of a scan for shapes, and what all files that know shapes do with it. Private to
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

/* Shapes that overlap in one block of code; compilers interleave two at most. */
#define SHAPE_PENDING_MAX 8

/* Where an operand is, as struct pyfrag_site has it. reg PYFRAG_NO_REGISTER: nowhere. */
struct operand {
	uint8_t reg;
	int16_t displacement;
};

/* A shape recognized, and not placed yet. */
struct pending {
	uint8_t type; /* enum pyfrag_event_type */
	bool counted; /* the change of the pool's count was seen */
	struct address pool, operand;
	/* Where to probe if no emulated instruction comes: 0 until it is known. */
	uint64_t fallback;
	struct operand fallback_operand;
	/*
	 * EVENT_NEW_POOL: the instruction that sets the count, and what is in the registers there.
	 */
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
	uint64_t *leaders; /* sorted: addresses that jumps in this function lead to */
	size_t leader_cnt, leader_capacity;
	int (*found)(const struct shape_site *site, void *context);
	void *context;
};

/* Where @wanted can be found now. */
struct operand shape_scan__find_operand(const struct values *values, struct address wanted);

/* The first step at or behind @address; insn_cnt if there is none in this function. */
size_t shape_scan__find_insn(const struct shape_scan *scan, uint64_t address);

/* The end of what is looked at from the step at @index on: an instruction is not parted. */
size_t shape_scan__end_ahead(const struct shape_scan *scan, size_t index);

/* What an event of @type does to the count of a pool: 1 or -1. */
int shape_scan__wanted_change(uint8_t type);

/*
 * Notes that a shape was recognized, and returns what there is to know of it, for more to be added.
 */
struct pending *shape_scan__add_pending(struct shape_scan *scan, uint8_t type, struct address pool,
					struct address operand);

/* Reports a site. Returns what found() does. */
int shape_scan__emit(struct shape_scan *scan, uint8_t type, uint64_t address,
		     struct operand operand, bool emulated);
