// SPDX-License-Identifier: BSD-2-Clause
#include "probes/shape_scan.h"

#include "util/partition_point.h"

struct operand shape_scan__find_operand(const struct values *values, struct address wanted)
{
	struct operand nowhere = {.reg = PYFRAG_NO_REGISTER};
	int64_t displacement;
	uint8_t reg, flag = 0;

	if (!values__find_register(values, wanted, &reg, &displacement)) {
		if (!values__find_place(values, wanted, &reg, &displacement))
			return nowhere;
		flag = PYFRAG_OPERAND_IN_MEMORY;
	}
	if (displacement < INT16_MIN || displacement > INT16_MAX)
		return nowhere;
	return (struct operand){.reg = reg | flag, .displacement = (int16_t)displacement};
}

int shape_scan__emit(struct shape_scan *scan, uint8_t type, uint64_t address,
		     struct operand operand, bool emulated)
{
	struct shape_site site = {
		.address = address,
		.emulated = emulated,
		.site = {.type = type,
			 .operand = operand.reg,
			 .compared = {PYFRAG_NO_REGISTER, PYFRAG_NO_REGISTER},
			 .displacement = operand.displacement},
	};

	return scan->found(&site, scan->context);
}

int shape_scan__wanted_change(uint8_t type)
{
	return type == EVENT_ALLOC ? 1 : -1;
}

struct pending *shape_scan__add_pending(struct shape_scan *scan, uint8_t type, struct address pool,
					struct address operand)
{
	struct pending *pending;

	/* The code that we look for never has this many. */
	if (scan->pending_cnt == SHAPE_PENDING_MAX)
		scan->pending_cnt--;
	pending = &scan->pending[scan->pending_cnt++];
	*pending = (struct pending){.type = type, .pool = pool, .operand = operand};
	for (size_t i = 0; i < scan->counted_cnt; i++)
		if (address__equals(scan->counted[i].pool, pool) &&
		    scan->counted[i].change == shape_scan__wanted_change(type))
			pending->counted = true;
	return pending;
}

size_t shape_scan__find_insn(const struct shape_scan *scan, uint64_t address)
{
	return PARTITION_POINT(insn, scan->insns, scan->insn_cnt, insn->address < address);
}

size_t shape_scan__end_ahead(const struct shape_scan *scan, size_t index)
{
	size_t seen = 0;

	while (index < scan->insn_cnt && seen < scan->arch->lookahead)
		seen += insn__is_last_step(&scan->insns[index++]);
	return index;
}
