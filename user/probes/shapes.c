// SPDX-License-Identifier: BSD-2-Clause
#include "probes/shapes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probes/values.h"
#include "pymalloc/layout.h"
#include "util/array.h"
#include "util/cleanup.h"

#define FREEBLOCK    ((int64_t)offsetof(struct pool_header, freeblock))
#define NEXTPOOL     ((int64_t)offsetof(struct pool_header, nextpool))
#define SZIDX	     ((int64_t)offsetof(struct pool_header, szidx))
#define POOL_ADDRESS ((int64_t)offsetof(struct arena_object, pool_address))
#define FREEPOOLS    ((int64_t)offsetof(struct arena_object, freepools))

#define NO_CLASS 0xffff /* DUMMY_SIZE_IDX: of a pool just carved off */
#define ARENA_BYTES_MIN (256L << 10)
#define ARENA_BYTES_MAX (64L << 20)
#define POOL_BYTES_MIN	4096
#define POOL_BYTES_MAX	65536
/* How far behind a jump the count of a freed block's pool may be decremented. */
#define LOOKAHEAD_MAX 8
/* Shapes that overlap in one block of code; compilers interleave two at most. */
#define PENDING_MAX 8

/* Where an operand is, as struct pyfrag_site has it. reg PYFRAG_NO_REGISTER: nowhere. */
struct operand {
	uint8_t reg;
	int16_t displacement;
};

/* The two sides of the comparison at a new pool, likewise. */
struct comparison {
	uint8_t sides[2];
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
	/* EVENT_NEW_POOL: the instruction that sets the count, and what is in the registers there. */
	uint64_t start;
	struct operand start_operand;
	value_id registers[INSN_REGISTERS];
};

struct shape_scan {
	struct values values, ahead;
	struct pending pending[PENDING_MAX];
	size_t pending_cnt;
	/* Pools whose count was changed by 1 in this block of code. */
	struct counted_pool {
		struct address pool;
		int change;
	} counted[PENDING_MAX];
	size_t counted_cnt;
	const struct insn *insns;
	size_t insn_cnt;
	uint64_t *leaders; /* sorted: addresses that jumps in this function lead to */
	size_t leader_cnt, leader_capacity;
	int (*found)(const struct shape_site *site, void *context);
	void *context;
};

int shape_scan__new(struct shape_scan **out)
{
	struct shape_scan *scan = calloc(1, sizeof(*scan));

	if (!scan)
		return -ENOMEM;
	*out = scan;
	return 0;
}

void shape_scan__free(struct shape_scan *scan)
{
	if (!scan)
		return;
	free(scan->leaders);
	free(scan);
}

void shape_scan__freep(struct shape_scan **scan)
{
	shape_scan__free(*scan);
}

static int compare_addresses(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static int collect_leaders(struct shape_scan *scan)
{
	uint64_t start = scan->insns[0].address;
	uint64_t end = scan->insns[scan->insn_cnt - 1].address;

	scan->leader_cnt = 0;
	for (size_t i = 0; i < scan->insn_cnt; i++) {
		const struct insn *insn = &scan->insns[i];
		int err;

		if ((insn->op != INSN_JUMP && insn->op != INSN_JUMP_IF) || !insn->has_target ||
		    insn->target < start || insn->target > end)
			continue;
		err = ARRAY_RESERVE(scan->leaders, scan->leader_capacity, scan->leader_cnt + 1);
		if (err)
			return err;
		scan->leaders[scan->leader_cnt++] = insn->target;
	}
	qsort(scan->leaders, scan->leader_cnt, sizeof(*scan->leaders), compare_addresses);
	return 0;
}

static struct operand find_operand(const struct values *values, struct address wanted)
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

static int emit(struct shape_scan *scan, uint8_t type, uint64_t address, struct operand operand,
		bool emulated)
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

/* +1 or -1 if @insn changes the 32-bit count of a pool by that; *pool is it. */
static int count_change(struct values *values, const struct insn *insn, struct address *pool)
{
	struct address from;
	const struct value *sum;

	if (!insn->has_memory || insn->width != 4)
		return 0;
	*pool = values__memory_of(values, insn);
	if (!pool->root)
		return 0;
	if (insn->op == INSN_ADD_MEMORY)
		return insn->immediate == 1 || insn->immediate == -1 ? (int)insn->immediate : 0;
	if (insn->op != INSN_STORE)
		return 0;
	sum = values__get(values, values__of_register(values, insn->source));
	if (sum->kind != VALUE_SUM || !values__is_load(values, sum->of, 4, &from) ||
	    !address__equals(from, *pool))
		return 0;
	return (int32_t)sum->amount == 1 || (int32_t)sum->amount == -1 ? (int32_t)sum->amount : 0;
}

static int wanted_change(uint8_t type)
{
	return type == EVENT_ALLOC ? 1 : -1;
}

static void note_count(struct shape_scan *scan, struct address pool, int change)
{
	if (scan->counted_cnt < PENDING_MAX)
		scan->counted[scan->counted_cnt++] =
			(struct counted_pool){.pool = pool, .change = change};
	for (size_t i = 0; i < scan->pending_cnt; i++) {
		struct pending *pending = &scan->pending[i];

		if (address__equals(pending->pool, pool) && change == wanted_change(pending->type))
			pending->counted = true;
	}
}

static struct pending *add_pending(struct shape_scan *scan, uint8_t type, struct address pool,
				   struct address operand)
{
	struct pending *pending;

	if (scan->pending_cnt == PENDING_MAX)
		scan->pending_cnt--; /* there never are so many: code that is not what we look for */
	pending = &scan->pending[scan->pending_cnt++];
	*pending = (struct pending){.type = type, .pool = pool, .operand = operand};
	for (size_t i = 0; i < scan->counted_cnt; i++)
		if (address__equals(scan->counted[i].pool, pool) && scan->counted[i].change == wanted_change(type))
			pending->counted = true;
	return pending;
}

/* Whether @place is the head of a pool's chain, [P+8]: P is a value, not computed from one. */
static bool is_chain_head(struct address place)
{
	return place.root && place.offset == FREEBLOCK;
}

/*
 * Whether the code has stored, somewhere, what it loaded from @head. It should be at the block; but a
 * compiler may know the block by two names, and not say so here (memset() returns its argument).
 */
static bool has_linked(const struct values *values, struct address head)
{
	const struct place *place;
	struct address from;

	for (uint32_t i = 0; (place = values__place(values, i)); i++)
		if (place->stored && values__is_load(values, place->value, 8, &from) &&
		    address__equals(from, head))
			return true;
	return false;
}

/* [P+8] = N completes an alloc, [P+8] = B a free if [B] = L came before. */
static void observe_head_store(struct shape_scan *scan, struct address head, value_id stored)
{
	struct address pool = {.root = head.root}, block, from;
	struct values *values = &scan->values;

	/* N was loaded from [B], and B from [P+8]. */
	if (values__is_load(values, stored, 8, &block) && !block.offset &&
	    values__is_load(values, block.root, 8, &from) && address__equals(from, head))
		add_pending(scan, EVENT_ALLOC, pool, block);
	else if (has_linked(values, head))
		add_pending(scan, EVENT_FREE, pool, values__as_address(values, stored));
}

/* [B] = L completes a free if [P+8] = B came before. */
static void observe_link_store(struct shape_scan *scan, struct address block, value_id stored)
{
	struct values *values = &scan->values;
	struct address head;

	if (values__is_load(values, stored, 8, &head) && is_chain_head(head) &&
	    values__has_stored(values, head) &&
	    address__equals(values__as_address(values, values__at(values, head)), block))
		add_pending(scan, EVENT_FREE, (struct address){.root = head.root}, block);
}

/* 32 bits of [P] = 1, after P was linked. */
static void observe_count_set(struct shape_scan *scan, const struct insn *insn, struct address pool)
{
	struct pending *pending;

	if (!values__has_stored(&scan->values, address__plus(pool, NEXTPOOL)))
		return;
	values__name_registers(&scan->values);
	pending = add_pending(scan, EVENT_NEW_POOL, pool, pool);
	pending->start = insn->address;
	pending->start_operand = find_operand(&scan->values, pool);
	memcpy(pending->registers, scan->values.registers, sizeof(pending->registers));
}

/* Looks at @insn before it takes effect. */
static void observe(struct shape_scan *scan, const struct insn *insn)
{
	struct values *values = &scan->values;
	struct address place = values__memory_of(values, insn), pool;
	int change = count_change(values, insn, &pool);

	if (change)
		note_count(scan, pool, change);
	if (!place.root)
		return;
	if (insn->op == INSN_STORE && insn->width == 8) {
		value_id stored = values__of_register(values, insn->source);

		if (is_chain_head(place))
			observe_head_store(scan, place, stored);
		observe_link_store(scan, place, stored);
	}
	if (insn->op == INSN_STORE_SET && insn->width == 4 && insn->immediate == 1)
		observe_count_set(scan, insn, place);
}

/* The first instruction at or behind @address; insn_cnt if there is none in this function. */
static size_t find_insn(const struct shape_scan *scan, uint64_t address)
{
	size_t low = 0, high = scan->insn_cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (scan->insns[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether the code from @index on soon changes the count as @pending wants it. */
static bool counts_ahead(struct shape_scan *scan, size_t index, const struct pending *pending)
{
	memcpy(&scan->ahead, &scan->values, sizeof(scan->ahead));
	for (size_t i = index; i < scan->insn_cnt && i < index + LOOKAHEAD_MAX; i++) {
		const struct insn *insn = &scan->insns[i];
		struct address pool;

		if (count_change(&scan->ahead, insn, &pool) == wanted_change(pending->type) &&
		    address__equals(pool, pending->pool))
			return true;
		if (insn->op == INSN_RETURN || insn->op == INSN_JUMP || insn->op == INSN_CALL ||
		    insn->op == INSN_UNDECODED)
			return false;
		values__step(&scan->ahead, insn);
	}
	return false;
}

/* A list push or pop is pymalloc's only if the count of the pool goes with it. */
static bool is_counted(struct shape_scan *scan, size_t index, const struct pending *pending)
{
	const struct insn *insn = &scan->insns[index];

	if (pending->counted)
		return true;
	if (counts_ahead(scan, index + 1, pending))
		return true;
	return insn->op == INSN_JUMP_IF && insn->has_target &&
	       counts_ahead(scan, find_insn(scan, insn->target), pending);
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

/*
 * What was last compared, if it still is where it was then: two registers, or one and the pool's own
 * class, or, in code that keeps its variables in memory, one and a variable beside that of the pool.
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
		if (address__equals(values__memory_of(values, compare), address__plus(pending->operand, SZIDX)))
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
	return emit_new_pool(scan, insn->address, insn->emulated, pool, comparison);
}

/* The register that @insn stores as the size class of @pool, or INSN_NO_REGISTER. */
static uint8_t stored_class(struct values *values, const struct insn *insn, struct address pool)
{
	if (insn->op != INSN_STORE || insn->width != 4 ||
	    !address__equals(values__memory_of(values, insn), address__plus(pool, SZIDX)))
		return INSN_NO_REGISTER;
	return insn->source;
}

/*
 * The register that the code from @index on stores as the class of @pool, if its value then is what it
 * holds now; else INSN_NO_REGISTER.
 */
static uint8_t find_setup(struct shape_scan *scan, size_t index, struct address pool)
{
	struct values *ahead = &scan->ahead;

	values__name_registers(&scan->values);
	memcpy(ahead, &scan->values, sizeof(*ahead));
	for (size_t i = index; i < scan->insn_cnt && i < index + LOOKAHEAD_MAX; i++) {
		const struct insn *insn = &scan->insns[i];
		uint8_t size = stored_class(ahead, insn, pool);

		if (size != INSN_NO_REGISTER)
			return ahead->registers[size] == scan->values.registers[size] ?
				       size :
				       INSN_NO_REGISTER;
		if (insn->op >= INSN_JUMP_IF || insn->op == INSN_UNDECODED)
			break;
		values__step(ahead, insn);
	}
	return INSN_NO_REGISTER;
}

/*
 * The jump to where the class is set: a copy for pools that were just carved off, whose old class is
 * known to be none.
 */
static int place_before_setup(struct shape_scan *scan, const struct insn *insn,
			      const struct pending *pending, struct operand pool)
{
	uint8_t size = insn->has_target ?
			       find_setup(scan, find_insn(scan, insn->target), pending->operand) :
			       INSN_NO_REGISTER;

	return size == INSN_NO_REGISTER ?
		       0 :
		       emit_new_pool(scan, insn->address, insn->emulated, pool, compare_class(size));
}

/*
 * The same where the code runs into what others jump to: there is no instruction of its own behind the
 * one that sets the count, so that is probed, just before it takes effect.
 */
static int place_at_start(struct shape_scan *scan, size_t index, const struct pending *pending)
{
	uint8_t size = find_setup(scan, index, pending->operand);

	if (size == INSN_NO_REGISTER || pending->start_operand.reg == PYFRAG_NO_REGISTER ||
	    pending->registers[size] != scan->values.registers[size])
		return 0;
	return emit_new_pool(scan, pending->start, false, pending->start_operand, compare_class(size));
}

/*
 * A new pool is probed before its class is set, when both the old class (in memory) and the new one
 * (in a register) can be seen. Returns 1 if placed, 0 if this is not the place, or negative.
 */
static int place_new_pool(struct shape_scan *scan, const struct insn *insn,
			  const struct pending *pending)
{
	struct operand pool = find_operand(&scan->values, pending->operand);
	uint8_t size;

	if (pool.reg == PYFRAG_NO_REGISTER)
		return 0;
	if (insn->op == INSN_JUMP_IF)
		return place_at_comparison(scan, insn, pending, pool);
	if (insn->op == INSN_JUMP)
		return place_before_setup(scan, insn, pending, pool);
	size = stored_class(&scan->values, insn, pending->operand);
	return size == INSN_NO_REGISTER ?
		       0 :
		       emit_new_pool(scan, insn->address, insn->emulated, pool, compare_class(size));
}

/* Places what can be placed at the instruction at @index. */
static int place_pending(struct shape_scan *scan, size_t index)
{
	const struct insn *insn = &scan->insns[index];
	size_t kept = 0;
	int err = 0;

	for (size_t i = 0; i < scan->pending_cnt; i++) {
		struct pending *pending = &scan->pending[i];
		struct operand operand = find_operand(&scan->values, pending->operand);
		int placed = 0;

		if (err) {
			placed = 1;
		} else if (pending->type == EVENT_NEW_POOL) {
			placed = place_new_pool(scan, insn, pending);
		} else if (insn->emulated && operand.reg != PYFRAG_NO_REGISTER) {
			placed = 1;
			if (is_counted(scan, index, pending))
				err = emit(scan, pending->type, insn->address, operand,
					   insn->emulated);
		}
		if (placed < 0)
			err = placed;
		if (!placed)
			scan->pending[kept++] = *pending;
	}
	scan->pending_cnt = kept;
	return err;
}

static bool is_leader(const struct shape_scan *scan, uint64_t address)
{
	return bsearch(&address, scan->leaders, scan->leader_cnt, sizeof(address),
		       compare_addresses) != NULL;
}

/*
 * The block of code ends before the instruction at @index: what could not be placed at a jump is probed
 * where it can be.
 */
static int flush_pending(struct shape_scan *scan, size_t index)
{
	int err = 0;

	for (size_t i = 0; i < scan->pending_cnt && err >= 0; i++) {
		const struct pending *pending = &scan->pending[i];

		if (pending->type == EVENT_NEW_POOL)
			err = place_at_start(scan, index, pending);
		else if (pending->fallback && pending->counted)
			err = emit(scan, pending->type, pending->fallback,
				   pending->fallback_operand, false);
	}
	scan->pending_cnt = 0;
	scan->counted_cnt = 0;
	return err < 0 ? err : 0;
}

/*
 * Where @insn completed a shape, the next instruction can be probed, unless others jump there too: then
 * @insn itself, just before it takes effect.
 */
static void note_fallbacks(struct shape_scan *scan, const struct insn *insn)
{
	uint64_t next = insn->address + insn->size;

	for (size_t i = 0; i < scan->pending_cnt; i++) {
		struct pending *pending = &scan->pending[i];

		if (pending->fallback)
			continue;
		pending->fallback_operand = find_operand(&scan->values, pending->operand);
		if (pending->fallback_operand.reg != PYFRAG_NO_REGISTER)
			pending->fallback = is_leader(scan, next) ? insn->address : next;
	}
}

static bool is_pool_mask(int64_t mask)
{
	return mask >= POOL_BYTES_MIN - 1 && mask < POOL_BYTES_MAX && !(mask & (mask + 1));
}

/*
 * Whether this block of code sets up an arena_object: stores @address as its pool_address, or clears
 * its freepools. (Compilers move the former behind the jump at will, the latter they have not.)
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

/* Jump if X & (pool size - 1), while an arena_object is set up. */
static int match_arena_map(struct shape_scan *scan, const struct insn *insn)
{
	struct values *values = &scan->values;
	const struct value *flags = values__get(values, values->flags);
	struct operand operand;
	value_id address;

	if (insn->op != INSN_JUMP_IF || flags->kind != VALUE_MASKED || !is_pool_mask(flags->amount))
		return 0;
	address = values__strip_low(values, flags->of);
	if (!sets_up_arena(values, address))
		return 0;
	operand = find_operand(values, values__as_address(values, address));
	if (operand.reg == PYFRAG_NO_REGISTER)
		return 0;
	return emit(scan, EVENT_ARENA_MAP, insn->address, operand, insn->emulated);
}

static bool is_arena_size(const struct value *value)
{
	return value->kind == VALUE_CONSTANT && value->amount >= ARENA_BYTES_MIN &&
	       value->amount <= ARENA_BYTES_MAX && !(value->amount & (value->amount - 1));
}

/* Whether the code behind the call at @index clears some `address`, as it is done with an arena. */
static bool clears_address_ahead(struct shape_scan *scan, size_t index)
{
	struct values *ahead = &scan->ahead;

	memcpy(ahead, &scan->values, sizeof(*ahead));
	for (size_t i = index; i < scan->insn_cnt && i <= index + LOOKAHEAD_MAX; i++) {
		const struct insn *insn = &scan->insns[i];
		const struct value *stored = NULL;

		values__step(ahead, insn);
		if (i == index)
			continue;
		if (insn->op >= INSN_JUMP_IF || insn->op == INSN_UNDECODED)
			break;
		if ((insn->op == INSN_STORE || insn->op == INSN_STORE_SET) && insn->width == 8 &&
		    !insn->memory.displacement)
			stored = values__get(
				ahead, values__at(ahead, values__memory_of(ahead, insn)));
		if (stored && stored->kind == VALUE_CONSTANT && !stored->amount)
			return true;
	}
	return false;
}

/*
 * call f(ctx, [A], arena size), or f([A], arena size). Where the address was loaded long before, it is
 * the slot cleared right behind an indirect call that tells.
 */
static int match_arena_unmap(struct shape_scan *scan, size_t index)
{
	const struct insn *insn = &scan->insns[index];
	struct values *values = &scan->values;

	if (insn->op != INSN_CALL)
		return 0;
	for (int i = 0; i < 2; i++) {
		uint8_t address = insn__argument_register(i);
		uint8_t size = insn__argument_register(i + 1);
		struct address from;

		if (!is_arena_size(values__get(values, values->registers[size])))
			continue;
		if ((values__is_load(values, values->registers[address], 8, &from) &&
		     !from.offset) ||
		    (!insn->has_target && clears_address_ahead(scan, index)))
			return emit(scan, EVENT_ARENA_UNMAP, insn->address,
				    (struct operand){.reg = address}, insn->emulated);
	}
	return 0;
}

/* May be where the class of a new pool is set. */
static bool stores_class(const struct insn *insn)
{
	return insn->op == INSN_STORE && insn->width == 4 && insn->memory.displacement == SZIDX;
}

static int scan_insn(struct shape_scan *scan, size_t index)
{
	const struct insn *insn = &scan->insns[index];
	uint32_t overflow_cnt = scan->values.overflow_cnt;
	int err = 0;

	if (insn->emulated || stores_class(insn))
		err = place_pending(scan, index);
	if (!err)
		err = match_arena_map(scan, insn);
	if (!err)
		err = match_arena_unmap(scan, index);
	if (err)
		return err;
	observe(scan, insn);
	values__step(&scan->values, insn);
	if (scan->values.overflow_cnt != overflow_cnt) {
		scan->pending_cnt = 0; /* they speak of numbers that are gone */
		scan->counted_cnt = 0;
	}
	if (insn->op == INSN_JUMP || insn->op == INSN_RETURN || insn->op == INSN_UNDECODED)
		return flush_pending(scan, scan->insn_cnt);
	note_fallbacks(scan, insn);
	return 0;
}

int shape_scan__function(struct shape_scan *scan, const struct insn *insns, size_t cnt,
			 int (*found)(const struct shape_site *site, void *context), void *context)
{
	size_t leader = 0;
	int err;

	scan->insns = insns;
	scan->insn_cnt = cnt;
	scan->found = found;
	scan->context = context;
	scan->pending_cnt = 0;
	scan->counted_cnt = 0;
	values__reset(&scan->values);
	err = cnt ? collect_leaders(scan) : 0;
	for (size_t i = 0; i < cnt && !err; i++) {
		while (leader < scan->leader_cnt && scan->leaders[leader] < insns[i].address)
			leader++;
		if (leader < scan->leader_cnt && scan->leaders[leader] == insns[i].address) {
			err = flush_pending(scan, i);
			values__reset(&scan->values);
		}
		if (!err)
			err = scan_insn(scan, i);
	}
	return err ? err : flush_pending(scan, cnt);
}
