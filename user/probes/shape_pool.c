// SPDX-License-Identifier: BSD-2-Clause
/*
 * The slow paths: a pool is taken for a size class, or goes back to its arena, empty. The first
 * block of the former is handed out without passing the fast path, so this is an allocation too.
 *
 * Compilers make up to three copies of the end of it, for the pool may have been used before, or
 * have just been carved off, and then `pool->szidx == size` is known to be false, or compared with
 * a constant.
 */
#include "probes/shape_pool.h"

#include <string.h>

#include "util/cleanup.h"

#define NEXTPOOL   ((int64_t)offsetof(struct pool_header, nextpool))
#define ARENAINDEX ((int64_t)offsetof(struct pool_header, arenaindex))
#define SZIDX	   ((int64_t)offsetof(struct pool_header, szidx))
#define FREEPOOLS  ((int64_t)offsetof(struct arena_object, freepools))
#define NO_CLASS   0xffff /* DUMMY_SIZE_IDX: of a pool just carved off */

/* The two sides of the comparison at a new pool, likewise. */
struct comparison {
	uint8_t sides[2];
	int16_t displacement;
};

/* Whether @insn stores a 1 of 32 bits. */
static bool stores_one(struct values *values, const struct insn *insn)
{
	const struct value *value;

	if (insn->op != INSN_STORE || insn->width != 4)
		return false;
	value = values__get(values, values__of_register(values, insn->source));
	return value->kind == VALUE_CONSTANT && value->amount == 1;
}

static void observe_new(struct shape_scan *scan, const struct insn *insn)
{
	struct address pool = values__memory_of(&scan->values, insn);
	struct pending *pending;

	if (!stores_one(&scan->values, insn) ||
	    !values__has_stored(&scan->values, address__plus(pool, NEXTPOOL)))
		return;
	values__name_registers(&scan->values);
	pending = shape_scan__add_pending(scan, EVENT_NEW_POOL, pool, pool);
	pending->start = insn__can_be_probed(insn) ? insn->address : 0;
	pending->start_operand = shape_scan__find_operand(&scan->values, pool);
	memcpy(pending->registers, scan->values.registers, sizeof(pending->registers));
}

/* Whether @head is [A+24], the list of free pools, and [P+16] = [A+24] was stored for @pool. */
static bool links_to_free_pools(const struct values *values, struct address pool,
				struct address head)
{
	struct address from;

	return pool.root && head.root && head.offset == FREEPOOLS &&
	       values__has_stored(values, address__plus(pool, NEXTPOOL)) &&
	       values__is_load(values, values__at(values, address__plus(pool, NEXTPOOL)), 8,
			       &from) &&
	       address__equals(from, head);
}

/* Whether the code has looked up the arena of @pool: pools are not the only things on lists. */
static bool knows_arena_of(const struct values *values, struct address pool)
{
	const struct place *place;

	for (uint32_t i = 0; (place = values__place(values, i)); i++)
		if (place->width == 4 &&
		    address__equals(place->address, address__plus(pool, ARENAINDEX)))
			return true;
	return false;
}

/* [A+24] = P, which completes what [P+16] = [A+24] began. */
static void observe_freed(struct shape_scan *scan, const struct insn *insn)
{
	struct values *values = &scan->values;
	struct address head = values__memory_of(values, insn), pool;

	if (insn->op != INSN_STORE || insn->width != 8)
		return;
	pool = values__as_address(values, values__of_register(values, insn->source));
	if (links_to_free_pools(values, pool, head) && knows_arena_of(values, pool))
		shape_scan__add_pending(scan, EVENT_POOL_FREED, pool, pool)->counted = true;
}

void shape_pool__observe(struct shape_scan *scan, const struct insn *insn)
{
	observe_new(scan, insn);
	observe_freed(scan, insn);
}

static int emit_new_pool(struct shape_scan *scan, uint64_t address, bool emulated,
			 struct operand pool, struct comparison comparison)
{
	const struct shape_site site = {
		.address = address,
		.emulated = emulated,
		.site = {.type = EVENT_NEW_POOL,
			 .operand = pool.reg,
			 .compared = {comparison.sides[0], comparison.sides[1]},
			 .displacement = pool.displacement,
			 .compared_displacement = comparison.displacement},
	};
	int err = scan->found(&site, scan->context);

	return err ? err : 1;
}

/* A comparison of which only the wanted class is at hand, in a register. */
static struct comparison compare_class(uint8_t size)
{
	return (struct comparison){.sides = {size, size}};
}

/* Whether one of the registers that were last compared had the class of @pool, from its header. */
static bool was_class_loaded(const struct values *values, struct address pool)
{
	struct address from;

	for (size_t i = 0; i < ARRAY_SIZE(values->compared); i++)
		if (values__is_load(values, values->compared[i], 4, &from) &&
		    address__equals(from, address__plus(pool, SZIDX)))
			return true;
	return false;
}

/*
 * What was last compared, if it still is where it was then: two registers, or one and the pool's
 * own class, or, in code that keeps its variables in memory, one and a variable beside that of the
 * pool.
 */
static bool find_compared(struct shape_scan *scan, const struct pending *pending,
			  struct comparison *out)
{
	struct values *values = &scan->values;
	const struct insn *compare = &values->compare;
	int64_t displacement = compare->memory.displacement, pool_displacement;
	uint8_t base;

	if (compare->op != INSN_COMPARE || compare->width != 4 ||
	    compare->source == INSN_NO_REGISTER || compare->source == compare->other ||
	    values->registers[compare->source] != values->compared[0])
		return false;
	*out = compare_class(compare->source);
	if (compare->has_memory) {
		if (address__equals(values__memory_of(values, compare),
				    address__plus(pending->operand, SZIDX)))
			return true;
		out->sides[1] = compare->memory.base | PYFRAG_OPERAND_IN_MEMORY;
		out->displacement = (int16_t)displacement;
		return compare->memory.plain &&
		       values__find_place(values, pending->operand, &base, &pool_displacement) &&
		       base == compare->memory.base && displacement >= INT16_MIN &&
		       displacement <= INT16_MAX;
	}
	if (compare->other == INSN_NO_REGISTER)
		return compare->immediate == NO_CLASS;
	/* Variables on the stack are set in a similar way, but are at an offset from a register. */
	if (pending->operand.offset && !was_class_loaded(values, pending->operand))
		return false;
	out->sides[1] = compare->other;
	return values->registers[compare->other] == values->compared[1];
}

/* The jump on `pool->szidx == size`. */
static int place_at_comparison(struct shape_scan *scan, const struct insn *insn,
			       const struct pending *pending, struct operand pool)
{
	struct comparison comparison;

	if (!find_compared(scan, pending, &comparison))
		return 0;
	return emit_new_pool(scan, insn->address, insn__is_emulated(insn), pool, comparison);
}

/* The register that @insn stores as the size class of @pool, or INSN_NO_REGISTER. */
static uint8_t stored_class(struct values *values, const struct insn *insn, struct address pool)
{
	if (insn->op != INSN_STORE || insn->width != 4 ||
	    !address__equals(values__memory_of(values, insn), address__plus(pool, SZIDX)))
		return INSN_NO_REGISTER;
	return insn->source < INSN_REGISTERS ? insn->source : INSN_NO_REGISTER;
}

/*
 * The register that the code from @index on stores as the class of @pool, if its value then is what
 * it holds now; else INSN_NO_REGISTER.
 */
static uint8_t find_setup(struct shape_scan *scan, size_t index, struct address pool)
{
	size_t end = shape_scan__end_ahead(scan, index);
	struct values *ahead = &scan->ahead;

	values__name_registers(&scan->values);
	memcpy(ahead, &scan->values, sizeof(*ahead));
	for (size_t i = index; i < end; i++) {
		const struct insn *insn = &scan->insns[i];
		uint8_t size = stored_class(ahead, insn, pool);

		if (size != INSN_NO_REGISTER)
			return ahead->registers[size] == scan->values.registers[size]
				       ? size
				       : INSN_NO_REGISTER;
		if (insn->op >= INSN_JUMP_IF || insn->op == INSN_UNDECODED)
			break;
		values__step(ahead, insn);
	}
	return INSN_NO_REGISTER;
}

/*
 * The jump to where the class is set: a copy for pools that were just carved off, whose old class
 * is known to be none.
 */
static int place_before_setup(struct shape_scan *scan, const struct insn *insn,
			      const struct pending *pending, struct operand pool)
{
	uint8_t size = insn->has_target
			       ? find_setup(scan, shape_scan__find_insn(scan, insn->target),
					    pending->operand)
			       : INSN_NO_REGISTER;

	return size == INSN_NO_REGISTER
		       ? 0
		       : emit_new_pool(scan, insn->address, insn__is_emulated(insn), pool,
				       compare_class(size));
}

int shape_pool__place_at_start(struct shape_scan *scan, size_t index, const struct pending *pending)
{
	uint8_t size = find_setup(scan, index, pending->operand);

	if (size == INSN_NO_REGISTER || !pending->start ||
	    pending->start_operand.reg == PYFRAG_NO_REGISTER ||
	    pending->registers[size] != scan->values.registers[size])
		return 0;
	return emit_new_pool(scan, pending->start, false, pending->start_operand,
			     compare_class(size));
}

int shape_pool__place(struct shape_scan *scan, const struct insn *insn,
		      const struct pending *pending)
{
	struct operand pool = shape_scan__find_operand(&scan->values, pending->operand);
	uint8_t size;

	if (pool.reg == PYFRAG_NO_REGISTER || !insn__can_be_probed(insn))
		return 0;
	if (insn->op == INSN_JUMP_IF)
		return place_at_comparison(scan, insn, pending, pool);
	if (insn->op == INSN_JUMP)
		return place_before_setup(scan, insn, pending, pool);
	size = stored_class(&scan->values, insn, pending->operand);
	return size == INSN_NO_REGISTER
		       ? 0
		       : emit_new_pool(scan, insn->address, insn__is_emulated(insn), pool,
				       compare_class(size));
}

bool shape_pool__stores_class(const struct insn *insn)
{
	return insn->op == INSN_STORE && insn->width == 4 && insn->memory.displacement == SZIDX;
}
