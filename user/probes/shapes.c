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

#define ARENA_BYTES_MIN (256L << 10)
#define ARENA_BYTES_MAX (64L << 20)
#define POOL_BYTES_MIN	4096
#define POOL_BYTES_MAX	65536
/* How far behind a jump the count of a freed block's pool may be decremented. */
#define LOOKAHEAD_MAX 8
/* Shapes that overlap in one block of code; compilers interleave two at most. */
#define PENDING_MAX 8

/* Where an operand is: a register, or a place in memory that a register points near to. */
struct operand {
	uint8_t reg; /* with PYFRAG_OPERAND_IN_MEMORY, or PYFRAG_NO_REGISTER: nowhere */
	int32_t displacement;
};

/* A shape recognized, and not placed yet. */
struct pending {
	uint8_t type; /* enum pyfrag_event_type */
	bool counted; /* the change of the pool's count was seen */
	value_id pool, operand;
	/* Where to probe if no emulated instruction comes: 0 until it is known. */
	uint64_t fallback;
	struct operand fallback_operand;
};

struct shape_scan {
	struct values values, ahead;
	struct pending pending[PENDING_MAX];
	size_t pending_cnt;
	/* Pools whose count was changed by 1 in this block of code. */
	struct counted_pool {
		value_id pool;
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

static struct operand find_operand(const struct values *values, value_id id)
{
	struct operand operand = {.reg = values__find_register(values, id)};
	int64_t displacement;
	uint8_t base;

	if (operand.reg != INSN_NO_REGISTER ||
	    !values__find_place(values, id, &base, &displacement) || displacement < INT32_MIN ||
	    displacement > INT32_MAX)
		return operand;
	return (struct operand){.reg = base | PYFRAG_OPERAND_IN_MEMORY,
				.displacement = (int32_t)displacement};
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
static int count_change(struct values *values, const struct insn *insn, value_id *pool)
{
	const struct value *sum;
	value_id base;

	if (!insn->has_memory || insn->width != 4 || insn->memory.displacement)
		return 0;
	*pool = values__base_of(values, insn);
	if (!*pool)
		return 0;
	if (insn->op == INSN_ADD_MEMORY)
		return insn->immediate == 1 || insn->immediate == -1 ? (int)insn->immediate : 0;
	if (insn->op != INSN_STORE)
		return 0;
	sum = values__get(values, values__of_register(values, insn->source));
	if (sum->kind != VALUE_SUM || !values__is_load(values, sum->of, 4, 0, &base) ||
	    base != *pool)
		return 0;
	return (int32_t)sum->amount == 1 || (int32_t)sum->amount == -1 ? (int32_t)sum->amount : 0;
}

static int wanted_change(uint8_t type)
{
	return type == EVENT_ALLOC ? 1 : -1;
}

static void note_count(struct shape_scan *scan, value_id pool, int change)
{
	if (scan->counted_cnt < PENDING_MAX)
		scan->counted[scan->counted_cnt++] =
			(struct counted_pool){.pool = pool, .change = change};
	for (size_t i = 0; i < scan->pending_cnt; i++) {
		struct pending *pending = &scan->pending[i];

		if (pending->pool == pool && change == wanted_change(pending->type))
			pending->counted = true;
	}
}

static void add_pending(struct shape_scan *scan, uint8_t type, value_id pool, value_id operand)
{
	struct pending *pending;

	if (scan->pending_cnt == PENDING_MAX)
		return;
	pending = &scan->pending[scan->pending_cnt++];
	*pending = (struct pending){.type = type, .pool = pool, .operand = operand};
	for (size_t i = 0; i < scan->counted_cnt; i++)
		if (scan->counted[i].pool == pool && scan->counted[i].change == wanted_change(type))
			pending->counted = true;
}

/* [P+8] = N completes an alloc, [P+8] = B a free if [B] = L came before. */
static void observe_freeblock_store(struct shape_scan *scan, value_id pool, value_id stored)
{
	struct values *values = &scan->values;
	value_id block, from, link;

	if (values__is_load(values, stored, 8, 0, &block) &&
	    values__is_load(values, block, 8, FREEBLOCK, &from) && from == pool) {
		add_pending(scan, EVENT_ALLOC, pool, block);
		return;
	}
	link = values__at(values, stored, 0);
	if (values__has_stored(values, stored, 0) &&
	    values__is_load(values, link, 8, FREEBLOCK, &from) && from == pool)
		add_pending(scan, EVENT_FREE, pool, stored);
}

/* [B] = L completes a free if [P+8] = B came before. */
static void observe_link_store(struct shape_scan *scan, value_id block, value_id stored)
{
	struct values *values = &scan->values;
	value_id pool;

	if (values__is_load(values, stored, 8, FREEBLOCK, &pool) &&
	    values__has_stored(values, pool, FREEBLOCK) &&
	    values__at(values, pool, FREEBLOCK) == block)
		add_pending(scan, EVENT_FREE, pool, block);
}

/* Looks at @insn before it takes effect. */
static void observe(struct shape_scan *scan, const struct insn *insn)
{
	struct values *values = &scan->values;
	value_id base = values__base_of(values, insn), pool;
	int change = count_change(values, insn, &pool);

	if (change)
		note_count(scan, pool, change);
	if (!base)
		return;
	if (insn->op == INSN_STORE && insn->width == 8) {
		value_id stored = values__of_register(values, insn->source);

		if (insn->memory.displacement == FREEBLOCK)
			observe_freeblock_store(scan, base, stored);
		else if (insn->memory.displacement == 0)
			observe_link_store(scan, base, stored);
	}
	if (insn->op == INSN_STORE_SET && insn->width == 4 && insn->immediate == 1 &&
	    insn->memory.displacement == 0 && values__has_stored(values, base, NEXTPOOL))
		add_pending(scan, EVENT_NEW_POOL, base, base);
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
		value_id pool;

		if (count_change(&scan->ahead, insn, &pool) == wanted_change(pending->type) &&
		    pool == pending->pool)
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

/*
 * A new pool is probed at the jump on its size class: the registers compared must still hold what was
 * compared. Returns 1 if placed, 0 if this is not that jump, or negative.
 */
static int place_new_pool(struct shape_scan *scan, const struct insn *insn,
			  const struct pending *pending)
{
	struct values *values = &scan->values;
	const struct insn *compare = &values->compare;
	uint8_t pool = values__find_register(values, pending->operand);
	struct shape_site site;
	int err;

	if (insn->op != INSN_JUMP_IF || compare->op != INSN_COMPARE || compare->width != 4 ||
	    pool == INSN_NO_REGISTER || compare->source == INSN_NO_REGISTER ||
	    compare->source == compare->other ||
	    values->registers[compare->source] != values->compared[0])
		return 0;
	if (compare->has_memory ? compare->memory.displacement != SZIDX
				: (compare->other == INSN_NO_REGISTER ||
				   values->registers[compare->other] != values->compared[1]))
		return 0;
	site = (struct shape_site){
		.address = insn->address,
		.emulated = insn->emulated,
		.site = {.type = EVENT_NEW_POOL,
			 .operand = pool,
			 .compared = {compare->source,
				      compare->has_memory ? compare->source : compare->other}},
	};
	err = scan->found(&site, scan->context);
	return err ? err : 1;
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
		} else if (operand.reg != PYFRAG_NO_REGISTER) {
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

/* Gives up on what could not be placed at a jump: it is probed where it can be. */
static int flush_pending(struct shape_scan *scan)
{
	int err = 0;

	for (size_t i = 0; i < scan->pending_cnt && !err; i++) {
		const struct pending *pending = &scan->pending[i];

		if (pending->fallback && pending->counted && pending->type != EVENT_NEW_POOL)
			err = emit(scan, pending->type, pending->fallback,
				   pending->fallback_operand, false);
	}
	scan->pending_cnt = 0;
	scan->counted_cnt = 0;
	return err;
}

static void note_fallbacks(struct shape_scan *scan, uint64_t next)
{
	for (size_t i = 0; i < scan->pending_cnt; i++) {
		struct pending *pending = &scan->pending[i];

		if (pending->fallback)
			continue;
		pending->fallback_operand = find_operand(&scan->values, pending->operand);
		if (pending->fallback_operand.reg != PYFRAG_NO_REGISTER)
			pending->fallback = next;
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
	uint32_t first = values->place_cnt > PLACES_MAX ? values->place_cnt - PLACES_MAX : 0;

	for (uint32_t i = first; i < values->place_cnt; i++) {
		const struct place *place = &values->places[i % PLACES_MAX];
		const struct value *value = values__get(values, place->value);

		if (!place->stored || place->width != 8)
			continue;
		if (place->displacement == POOL_ADDRESS && place->value == address)
			return true;
		if (place->displacement == FREEPOOLS && value->kind == VALUE_CONSTANT &&
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
	value_id address;
	uint8_t reg;

	if (insn->op != INSN_JUMP_IF || flags->kind != VALUE_MASKED || !is_pool_mask(flags->amount))
		return 0;
	address = values__strip_low(values, flags->of);
	reg = values__find_register(values, address);
	if (reg == INSN_NO_REGISTER || !sets_up_arena(values, address))
		return 0;
	return emit(scan, EVENT_ARENA_MAP, insn->address, (struct operand){.reg = reg},
		    insn->emulated);
}

static bool is_arena_size(const struct value *value)
{
	return value->kind == VALUE_CONSTANT && value->amount >= ARENA_BYTES_MIN &&
	       value->amount <= ARENA_BYTES_MAX && !(value->amount & (value->amount - 1));
}

/* call f(ctx, [A], arena size), or f([A], arena size). */
static int match_arena_unmap(struct shape_scan *scan, const struct insn *insn)
{
	struct values *values = &scan->values;

	if (insn->op != INSN_CALL)
		return 0;
	for (int i = 0; i < 2; i++) {
		uint8_t address = insn__argument_register(i);
		uint8_t size = insn__argument_register(i + 1);
		value_id base;

		if (values__is_load(values, values->registers[address], 8, 0, &base) &&
		    is_arena_size(values__get(values, values->registers[size])))
			return emit(scan, EVENT_ARENA_UNMAP, insn->address,
				    (struct operand){.reg = address}, insn->emulated);
	}
	return 0;
}

static int scan_insn(struct shape_scan *scan, size_t index)
{
	const struct insn *insn = &scan->insns[index];
	uint32_t overflow_cnt = scan->values.overflow_cnt;
	int err = 0;

	if (insn->emulated)
		err = place_pending(scan, index);
	if (!err)
		err = match_arena_map(scan, insn);
	if (!err)
		err = match_arena_unmap(scan, insn);
	if (err)
		return err;
	observe(scan, insn);
	values__step(&scan->values, insn);
	if (scan->values.overflow_cnt != overflow_cnt) {
		scan->pending_cnt = 0; /* they speak of numbers that are gone */
		scan->counted_cnt = 0;
	}
	if (insn->op == INSN_JUMP || insn->op == INSN_RETURN || insn->op == INSN_UNDECODED)
		return flush_pending(scan);
	note_fallbacks(scan, insn->address + insn->size);
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
			err = flush_pending(scan);
			values__reset(&scan->values);
		}
		if (!err)
			err = scan_insn(scan, i);
	}
	return err ? err : flush_pending(scan);
}
