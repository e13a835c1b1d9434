// SPDX-License-Identifier: BSD-2-Clause
/*
 * The shapes of the slow paths: a pool is taken for a size class, or an empty pool is returned to
 * its arena. The first block of a new pool does not pass the fast path, so taking a pool is an
 * allocation, too.
 *
 * Compilers emit up to three copies of the last part of the code that takes a pool, because the
 * pool may have been used before, or may just have been carved off. In the latter case `pool->szidx
 * == size` is known to be false, or szidx is compared with a constant.
 */
#include "probes/shape_pool.h"

#include <string.h>

#include "util/cleanup.h"

#define NEXTPOOL   ((int64_t)offsetof(struct pool_header, nextpool))
#define ARENAINDEX ((int64_t)offsetof(struct pool_header, arenaindex))
#define SZIDX	   ((int64_t)offsetof(struct pool_header, szidx))
#define FREEPOOLS  ((int64_t)offsetof(struct arena_object, freepools))
#define NO_CLASS   0xffff /* DUMMY_SIZE_IDX: the class of a pool that was just carved off */

/* The operands of the comparison at a new pool, encoded as in struct pyfrag_site. */
struct comparison {
	uint8_t sides[2];
	int16_t displacement;
};

/* Whether @insn stores the 32-bit constant 1. */
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

/* Whether the code has looked up the arena of @pool: pools are not the only things in lists. */
static bool knows_arena_of(const struct values *values, struct address pool)
{
	const struct place *place;

	for (uint32_t i = 0; (place = values__place(values, i)); i++)
		if (place->width == 4 &&
		    address__equals(place->address, address__plus(pool, ARENAINDEX)))
			return true;
	return false;
}

/* [A+24] = P completes what [P+16] = [A+24] began. */
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

/* A comparison of which only the wanted class is available, in a register. */
static struct comparison compare_class(uint8_t size)
{
	return (struct comparison){.sides = {size, size}};
}

/* Whether one of the last compared registers held the class of @pool, loaded from its header. */
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
 * Finds the operands of the last comparison, if they have not changed since: two registers; a
 * register and the pool's own class, or the constant NO_CLASS; or, in code that keeps its variables
 * in memory, a register and a variable that has the same base register as the one that holds the
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
	/* Variables on the stack are set in a similar way, but at an offset from a register. */
	if (pending->operand.offset && !was_class_loaded(values, pending->operand))
		return false;
	out->sides[1] = compare->other;
	return values->registers[compare->other] == values->compared[1];
}

/* Places the site at the jump on `pool->szidx == size`. */
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
 * The register that the code from @index on stores as the class of @pool, if it still has its
 * current value then; otherwise INSN_NO_REGISTER.
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
 * Places the site at the jump to the code that sets the class: a copy for pools that were just
 * carved off, which have no old class.
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
