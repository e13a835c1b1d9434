// SPDX-License-Identifier: BSD-2-Clause
/* The shapes of arenas: an arena_object is set up for a new mapping, and a mapping is unmapped. */
#include "probes/shape_arena.h"

#include <string.h>

#define POOL_ADDRESS ((int64_t)offsetof(struct arena_object, pool_address))
#define FREEPOOLS    ((int64_t)offsetof(struct arena_object, freepools))

#define ARENA_BYTES_MIN (256L << 10)
#define ARENA_BYTES_MAX (64L << 20)
#define POOL_BYTES_MIN	4096
#define POOL_BYTES_MAX	65536

#define ARENA_ALLOCATOR_FREE 16 /* offset in PyObjectArenaAllocator */

static bool is_pool_mask(int64_t mask)
{
	return mask >= POOL_BYTES_MIN - 1 && mask < POOL_BYTES_MAX && !(mask & (mask + 1));
}

/*
 * Whether this block of code sets up an arena_object: it stores @address as pool_address, or clears
 * freepools. (Compilers may move the former after the jump; none is known to move the latter.)
 */
static bool sets_up_arena(const struct values *values, value_id address)
{
	const struct place *place;

	for (uint32_t i = 0; (place = values__place(values, i)); i++) {
		const struct value *value = values__get(values, place->value);

		if (!place->stored || place->width != 8)
			continue;
		if (place->address.offset == POOL_ADDRESS && place->value == address)
			return true;
		if (place->address.offset == FREEPOOLS && value->kind == VALUE_CONSTANT &&
		    !value->amount)
			return true;
	}
	return false;
}

int shape_arena__match_map(struct shape_scan *scan, const struct insn *insn)
{
	struct values *values = &scan->values;
	const struct value *flags = values__get(values, values->flags);
	struct operand operand;
	value_id address;

	if (insn->op != INSN_JUMP_IF || !insn__can_be_probed(insn) || flags->kind != VALUE_MASKED ||
	    !is_pool_mask(flags->amount))
		return 0;
	address = values__strip_low(values, flags->of);
	if (!sets_up_arena(values, address))
		return 0;
	operand = shape_scan__find_operand(values, values__as_address(values, address));
	if (operand.reg == PYFRAG_NO_REGISTER)
		return 0;
	return shape_scan__emit(scan, EVENT_ARENA_MAP, insn->address, operand,
				insn__is_emulated(insn));
}

static bool is_arena_size(const struct value *value)
{
	return value->kind == VALUE_CONSTANT && value->amount >= ARENA_BYTES_MIN &&
	       value->amount <= ARENA_BYTES_MAX && !(value->amount & (value->amount - 1));
}

int shape_arena__match_map_call(struct shape_scan *scan, size_t index)
{
	const struct insn *insn = &scan->insns[index], *next = insn + 1;
	struct values *values = &scan->values;
	value_id size = values->registers[scan->arch->argument_registers[1]];
	struct shape_site site = {
		.weak = true,
		.site = {.type = EVENT_ARENA_MAP,
			 .operand = scan->arch->result_register,
			 .compared = {PYFRAG_NO_REGISTER, PYFRAG_NO_REGISTER}},
	};

	if (insn->op != INSN_CALL || insn->has_target ||
	    !is_arena_size(values__get(values, size)) || index + 1 == scan->insn_cnt ||
	    !insn__can_be_probed(next))
		return 0;
	site.address = next->address;
	site.emulated = insn__is_emulated(next);
	return scan->found(&site, scan->context);
}

/* Whether the code after the call at @index clears some `address`, as for an unmapped arena. */
static bool clears_address_ahead(struct shape_scan *scan, size_t index)
{
	size_t end = shape_scan__end_ahead(scan, index + 1);
	struct values *ahead = &scan->ahead;

	memcpy(ahead, &scan->values, sizeof(*ahead));
	values__step(ahead, &scan->insns[index]);
	for (size_t i = index + 1; i < end; i++) {
		const struct insn *insn = &scan->insns[i];
		const struct value *stored = NULL;

		values__step(ahead, insn);
		if (insn->op >= INSN_JUMP_IF || insn->op == INSN_UNDECODED)
			break;
		if (insn->op == INSN_STORE && insn->width == 8 && !insn->memory.displacement)
			stored = values__get(ahead,
					     values__at(ahead, values__memory_of(ahead, insn)));
		if (stored && stored->kind == VALUE_CONSTANT && !stored->amount)
			return true;
	}
	return false;
}

/*
 * Finds the fixed address from which the value that @reg has at @index was just loaded. Returns
 * false if it was not loaded from one.
 */
static bool find_fixed_load(const struct shape_scan *scan, size_t index, uint8_t reg,
			    int64_t *address)
{
	size_t seen = 0;

	for (size_t i = index; i-- > 0;) {
		const struct insn *insn = &scan->insns[i];

		seen += insn__is_last_step(insn);
		if (seen > scan->arch->lookahead)
			break;
		if (insn->op == INSN_UNDECODED || insn->op >= INSN_JUMP_IF)
			return false;
		if (!(insn->clobbered & 1U << reg))
			continue;
		*address = insn->memory.displacement;
		return insn->op == INSN_LOAD && insn->width == 8 && insn->destination == reg &&
		       insn->memory.plain && insn->memory.base == INSN_NO_REGISTER;
	}
	return false;
}

/*
 * Whether the call at @index is allocator.free(allocator.ctx, ...) of a PyObjectArenaAllocator
 * (Include/cpython/objimpl.h: ctx, alloc, free). An interpreter that ends frees its arenas this
 * way, and loads their addresses from its table by an index, so there is no plain address. (A
 * PyMemAllocatorEx has `calloc` at this offset, whose number of items is a constant.)
 */
static bool calls_arena_allocator(struct shape_scan *scan, size_t index)
{
	const struct insn *insn = &scan->insns[index];
	struct values *values = &scan->values;
	uint8_t context = scan->arch->argument_registers[0];
	struct address from;
	int64_t fixed;

	if (!insn->has_memory || !insn->memory.plain ||
	    values__get(values, values->registers[scan->arch->argument_registers[1]])->kind ==
		    VALUE_CONSTANT)
		return false;
	if (insn->memory.base == INSN_NO_REGISTER)
		return find_fixed_load(scan, index, context, &fixed) &&
		       insn->memory.displacement == fixed + ARENA_ALLOCATOR_FREE;
	return values__is_load(values, values->registers[context], 8, &from) &&
	       address__equals(values__memory_of(values, insn),
			       address__plus(from, ARENA_ALLOCATOR_FREE));
}

int shape_arena__match_unmap(struct shape_scan *scan, size_t index)
{
	const uint8_t *arguments = scan->arch->argument_registers;
	const struct insn *insn = &scan->insns[index];
	struct values *values = &scan->values;

	if (insn->op != INSN_CALL || !insn__can_be_probed(insn))
		return 0;
	for (int i = 0; i < 2; i++) {
		uint8_t address = arguments[i];
		uint8_t size = arguments[i + 1];
		struct address from;

		if (!is_arena_size(values__get(values, values->registers[size])))
			continue;
		if ((values__is_load(values, values->registers[address], 8, &from) &&
		     !from.offset) ||
		    (!insn->has_target && clears_address_ahead(scan, index)) ||
		    (i && calls_arena_allocator(scan, index)))
			return shape_scan__emit(scan, EVENT_ARENA_UNMAP, insn->address,
						(struct operand){.reg = address},
						insn__is_emulated(insn));
	}
	return 0;
}
