// SPDX-License-Identifier: BSD-2-Clause
#include "probes/shapes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probes/shape_arena.h"
#include "probes/shape_pool.h"
#include "probes/shape_scan.h"
#include "util/array.h"
#include "util/cleanup.h"

#define FREEBLOCK ((int64_t)offsetof(struct pool_header, freeblock))

int shape_scan__new(struct shape_scan **out, const struct arch *arch)
{
	struct shape_scan *scan = calloc(1, sizeof(*scan));

	if (!scan)
		return -ENOMEM;
	scan->arch = arch;
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
	if (scan->leader_cnt)
		qsort(scan->leaders, scan->leader_cnt, sizeof(*scan->leaders), compare_addresses);
	return 0;
}

/* Whether @id is the value of the 4 bytes at @address, now or when they were last loaded. */
static bool is_count_at(const struct values *values, value_id id, struct address address)
{
	struct address from;

	return values__is_at(values, id, address, 4) ||
	       (values__is_load(values, id, 4, &from) && address__equals(from, address));
}

/* Returns +1 or -1 if @insn changes the 32-bit count of a pool, *pool, by that; otherwise 0. */
static int count_change(struct values *values, const struct insn *insn, struct address *pool)
{
	const struct value *sum;

	if (insn->op != INSN_STORE || insn->width != 4)
		return 0;
	*pool = values__memory_of(values, insn);
	if (!pool->root)
		return 0;
	sum = values__get(values, values__of_register(values, insn->source));
	if (sum->kind != VALUE_SUM || !is_count_at(values, sum->of, *pool))
		return 0;
	return (int32_t)sum->amount == 1 || (int32_t)sum->amount == -1 ? (int32_t)sum->amount : 0;
}

static void note_count(struct shape_scan *scan, struct address pool, int change)
{
	if (scan->counted_cnt < SHAPE_PENDING_MAX)
		scan->counted[scan->counted_cnt++] =
			(struct counted_pool){.pool = pool, .change = change};
	for (size_t i = 0; i < scan->pending_cnt; i++) {
		struct pending *pending = &scan->pending[i];

		if (address__equals(pending->pool, pool) &&
		    change == shape_scan__wanted_change(pending->type))
			pending->counted = true;
	}
}

/* Whether @place is the head of a pool's list, [P+8], where P itself is not a sum. */
static bool is_chain_head(struct address place)
{
	return place.root && place.offset == FREEBLOCK;
}

/*
 * Whether the code has stored what it loaded from @head, anywhere. It should be stored in the
 * block; but the compiler may know the block under two names, which this code does not show to be
 * the same (memset() returns its argument).
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

/* [P+8] = N completes an alloc. [P+8] = B completes a free if it follows [B] = L. */
static void observe_head_store(struct shape_scan *scan, struct address head, value_id stored)
{
	struct address pool = {.root = head.root}, block, from;
	struct values *values = &scan->values;

	if (values__get(values, stored)->kind == VALUE_CONSTANT)
		return; /* not a block */
	/* N was loaded from [B], and B from [P+8]. */
	if (values__is_load(values, stored, 8, &block) && !block.offset &&
	    values__is_load(values, block.root, 8, &from) && address__equals(from, head))
		shape_scan__add_pending(scan, EVENT_ALLOC, pool, block);
	else if (has_linked(values, head))
		shape_scan__add_pending(scan, EVENT_FREE, pool, values__as_address(values, stored));
}

/* [B] = L completes a free if it follows [P+8] = B. */
static void observe_link_store(struct shape_scan *scan, struct address block, value_id stored)
{
	struct values *values = &scan->values;
	struct address head;

	if (values__is_load(values, stored, 8, &head) && is_chain_head(head) &&
	    values__has_stored(values, head) &&
	    address__equals(values__as_address(values, values__at(values, head)), block))
		shape_scan__add_pending(scan, EVENT_FREE, (struct address){.root = head.root},
					block);
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
	shape_pool__observe(scan, insn);
}

/* Whether the code from @index on soon changes the count as @pending requires. */
static bool counts_ahead(struct shape_scan *scan, size_t index, const struct pending *pending)
{
	size_t end = shape_scan__end_ahead(scan, index);

	memcpy(&scan->ahead, &scan->values, sizeof(scan->ahead));
	for (size_t i = index; i < end; i++) {
		const struct insn *insn = &scan->insns[i];
		struct address pool;

		if (count_change(&scan->ahead, insn, &pool) ==
			    shape_scan__wanted_change(pending->type) &&
		    address__equals(pool, pending->pool))
			return true;
		if (insn->op == INSN_RETURN || insn->op == INSN_JUMP || insn->op == INSN_CALL ||
		    insn->op == INSN_UNDECODED)
			return false;
		values__step(&scan->ahead, insn);
	}
	return false;
}

/*
 * A push to or pop from a list is pymalloc's only if the pool's count changes, too. The change may
 * come after the jump at @index, on either branch, and several copies may share it.
 */
static bool is_counted(struct shape_scan *scan, size_t index, const struct pending *pending)
{
	const struct insn *insn = &scan->insns[index];
	bool jumps = insn->op == INSN_JUMP || insn->op == INSN_JUMP_IF;

	if (pending->counted)
		return true;
	if (insn->op != INSN_JUMP && counts_ahead(scan, index + 1, pending))
		return true;
	return jumps && insn->has_target &&
	       counts_ahead(scan, shape_scan__find_insn(scan, insn->target), pending);
}

/* Whether @insn is the last step of an instruction that the kernel emulates. */
static bool ends_emulated(const struct insn *insn)
{
	return insn__is_emulated(insn) && insn__is_last_step(insn);
}

/* Places the pending shapes that can be probed at the instruction whose step is at @index. */
static int place_pending(struct shape_scan *scan, size_t index)
{
	const struct insn *insn = &scan->insns[index];
	size_t kept = 0;
	int err = 0;

	for (size_t i = 0; i < scan->pending_cnt; i++) {
		struct pending *pending = &scan->pending[i];
		struct operand operand = shape_scan__find_operand(&scan->values, pending->operand);
		int placed = 0;

		if (err) {
			placed = 1;
		} else if (pending->type == EVENT_NEW_POOL) {
			placed = shape_pool__place(scan, insn, pending);
		} else if (ends_emulated(insn) && operand.reg != PYFRAG_NO_REGISTER) {
			placed = 1;
			if (is_counted(scan, index, pending))
				err = shape_scan__emit(scan, pending->type, insn->address, operand,
						       true);
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
	return scan->leader_cnt && bsearch(&address, scan->leaders, scan->leader_cnt,
					   sizeof(address), compare_addresses);
}

/*
 * The block of code ends before the instruction at @index. Shapes that were not placed at a jump
 * are now probed wherever they can be.
 */
static int flush_pending(struct shape_scan *scan, size_t index)
{
	int err = 0;

	for (size_t i = 0; i < scan->pending_cnt && err >= 0; i++) {
		const struct pending *pending = &scan->pending[i];

		if (pending->type == EVENT_NEW_POOL)
			err = shape_pool__place_at_start(scan, index, pending);
		else if (pending->fallback &&
			 (pending->counted || counts_ahead(scan, index, pending)))
			err = shape_scan__emit(scan, pending->type, pending->fallback,
					       pending->fallback_operand, false);
	}
	scan->pending_cnt = 0;
	scan->counted_cnt = 0;
	return err < 0 ? err : 0;
}

/* Whether the instruction at @index can be probed for a shape that ended before it. */
static bool can_be_probed(const struct shape_scan *scan, size_t index)
{
	return index < scan->insn_cnt && insn__can_be_probed(&scan->insns[index]) &&
	       !is_leader(scan, scan->insns[index].address);
}

/* Whether the instruction whose last step is at @index preserves the register of @operand. */
static bool keeps_operand(const struct shape_scan *scan, size_t index, struct operand operand)
{
	uint32_t reg = operand.reg & ~PYFRAG_OPERAND_IN_MEMORY, clobbered = 0;

	for (size_t i = 0; i < scan->insns[index].step_cnt; i++)
		clobbered |= scan->insns[index - i].clobbered;
	return !(clobbered >> reg & 1);
}

/*
 * If the instruction at @index completed a shape, the next one can be probed, unless it is a jump
 * target or there is none. Then the instruction itself is probed, just before it takes effect.
 */
static void note_fallbacks(struct shape_scan *scan, size_t index)
{
	bool behind = can_be_probed(scan, index + 1);
	const struct insn *insn = &scan->insns[behind ? index + 1 : index];

	if (!insn__is_last_step(&scan->insns[index]) || !insn__can_be_probed(insn))
		return;
	for (size_t i = 0; i < scan->pending_cnt; i++) {
		struct pending *pending = &scan->pending[i];
		struct operand operand = shape_scan__find_operand(&scan->values, pending->operand);

		if (pending->fallback || operand.reg == PYFRAG_NO_REGISTER ||
		    (!behind && !keeps_operand(scan, index, operand)))
			continue;
		pending->fallback = insn->address;
		pending->fallback_operand = operand;
	}
}

static int scan_insn(struct shape_scan *scan, size_t index)
{
	const struct insn *insn = &scan->insns[index];
	uint32_t overflow_cnt = scan->values.overflow_cnt;
	int err = 0;

	if (ends_emulated(insn) || shape_pool__stores_class(insn))
		err = place_pending(scan, index);
	if (!err)
		err = shape_arena__match_map(scan, insn);
	if (!err)
		err = shape_arena__match_map_call(scan, index);
	if (!err)
		err = shape_arena__match_unmap(scan, index);
	if (err)
		return err;
	observe(scan, insn);
	values__step(&scan->values, insn);
	if (scan->values.overflow_cnt != overflow_cnt) {
		scan->pending_cnt = 0; /* they refer to numbers that are gone */
		scan->counted_cnt = 0;
	}
	if (insn->op == INSN_JUMP || insn->op == INSN_RETURN || insn->op == INSN_UNDECODED)
		return flush_pending(scan, scan->insn_cnt);
	note_fallbacks(scan, index);
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
		if (leader < scan->leader_cnt && scan->leaders[leader] == insns[i].address &&
		    !insns[i].step) {
			err = flush_pending(scan, i);
			values__reset(&scan->values);
		}
		if (!err)
			err = scan_insn(scan, i);
	}
	return err ? err : flush_pending(scan, cnt);
}
