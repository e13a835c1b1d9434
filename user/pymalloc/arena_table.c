// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/arena_table.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

/* Upper end of user addresses on x86-64 and arm64, including five-level paging. */
#define ADDRESS_MAX (1UL << 56)
/* No known build has arenas above 2 MiB; larger sizes are accepted up to this one. */
#define ARENA_SIZE_MAX (64U << 20)
/* How many arenas to check: the first pool of each must carry the index of its arena. */
#define ARENAS_CHECKED_MAX 64
#define PAGE_BYTES	   4096UL

static bool is_power_of_two(uint32_t value)
{
	return value && !(value & (value - 1));
}

/*
 * The arena size, MAX_POOLS_IN_ARENA * POOL_SIZE, computed from what new_arena() stored in the
 * slot; 0 if the slot is invalid.
 */
static uint32_t arena_size_of(const struct geometry *geometry, const struct arena_object *slot)
{
	uint64_t pools = slot->ntotalpools;
	uint64_t size;

	if (slot->address % geometry->pool_size)
		pools++;
	size = pools * geometry->pool_size;
	return size <= ARENA_SIZE_MAX && is_power_of_two((uint32_t)size) ? (uint32_t)size : 0;
}

bool arena_table__slot_is_plausible(const struct geometry *geometry,
				    const struct arena_object *slot)
{
	uint32_t size = arena_size_of(geometry, slot);
	uint64_t first, carved;

	if (!size || (geometry->arena_size && size != geometry->arena_size))
		return false;
	if (slot->address % 8 || slot->address >= ADDRESS_MAX - ARENA_SIZE_MAX)
		return false;
	first = geometry__first_pool(geometry, slot->address);
	if (slot->pool_address % geometry->pool_size || slot->pool_address < first)
		return false;
	carved = (slot->pool_address - first) / geometry->pool_size;
	if (carved > slot->ntotalpools || slot->nfreepools > slot->ntotalpools ||
	    slot->nfreepools < slot->ntotalpools - carved)
		return false;
	return !slot->freepools ||
	       (slot->freepools % geometry->pool_size == 0 && slot->freepools >= first &&
		slot->freepools < slot->pool_address);
}

/* Checks that the unused slots among the first @cnt form a single list that does not leave them. */
static int check_unused_list(const struct arena_object *slots, uint64_t base, size_t cnt,
			     struct account *account)
{
	_cleanup_account_free_ bool *has_predecessor = account__calloc(account, cnt, 1);
	size_t unused = 0, followed = 0, ends = 0;

	if (!has_predecessor)
		return -errno;
	for (size_t i = 0; i < cnt; i++) {
		uint64_t next = slots[i].nextarena, index;

		if (slots[i].address)
			continue;
		unused++;
		if (!next) {
			ends++;
			continue;
		}
		index = (next - base) / sizeof(*slots);
		if (next < base || (next - base) % sizeof(*slots) || index >= cnt ||
		    slots[index].address || has_predecessor[index])
			return -EUCLEAN;
		has_predecessor[index] = true;
		followed++;
	}
	if (unused && (ends != 1 || followed != unused - 1))
		return -EUCLEAN;
	return 0;
}

/*
 * Reads @cnt slots, or as many as possible: *@cnt becomes how many. Returns 0; -EUCLEAN: the next
 * one is swapped out, so whether there is one is not known; or as memory__read_ranges().
 */
static int read_run(const struct memory *memory, uint64_t address, struct arena_object *slots,
		    size_t *cnt)
{
	uint64_t end = address + *cnt * sizeof(*slots), at = address;
	struct memory_range range = {.address = at, .buffer = slots, .size = end - at};
	int err = memory__read_ranges(memory, &range, 1);

	if (err || !range.is_swapped) {
		*cnt = range.failed ? 0 : *cnt;
		return err;
	}
	for (; at < end; at += range.size) {
		uint64_t page_end = (at | (PAGE_BYTES - 1)) + 1;

		range = (struct memory_range){.address = at,
					      .buffer = (uint8_t *)slots + (at - address),
					      .size = (page_end < end ? page_end : end) - at};
		err = memory__read_ranges(memory, &range, 1);
		if (err)
			return err;
		if (range.failed)
			break;
	}
	*cnt = (at - address) / sizeof(*slots);
	return range.is_swapped ? -EUCLEAN : 0;
}

/*
 * Reads 16, 32, 64, ... slots until one is implausible. *plausible: number of slots before that
 * one.
 */
static int read_slots(const struct memory *memory, uint64_t base, struct geometry *geometry,
		      struct arena_object **out, size_t *plausible)
{
	_cleanup_account_free_ struct arena_object *slots = NULL;
	size_t capacity = 0, cnt = 0, want = ARENA_OBJECTS_INIT;
	int err;

	for (; want <= ARENAS_MAX; want *= 2) {
		size_t got = want - cnt, end;

		err = ACCOUNT_RESERVE(memory->account, slots, capacity, want);
		if (err)
			return err;
		err = read_run(memory, base + cnt * sizeof(*slots), slots + cnt, &got);
		if (err && err != -EUCLEAN)
			return err;
		for (end = cnt + got; cnt < end; cnt++) {
			const struct arena_object *slot = &slots[cnt];

			if (!slot->address)
				continue;
			if (!arena_table__slot_is_plausible(geometry, slot))
				goto out;
			if (!geometry->arena_size)
				geometry->arena_size = arena_size_of(geometry, slot);
		}
		if (err)
			return err;
		if (cnt < want)
			break;
	}
	if (want > ARENAS_MAX)
		return -E2BIG;
out:
	if (!slots)
		return -EUCLEAN;
	*out = TAKE_PTR(slots);
	*plausible = cnt;
	return 0;
}

/*
 * Each pool that was carved off, used or free, stores the index of its arena. A thread can be
 * preempted after it has unmapped an arena and before it clears the slot, so one unreadable arena
 * is allowed; its slot is cleared. Pools that are swapped out are not checked.
 */
static int check_indices(const struct memory *memory, const struct geometry *geometry,
			 struct arena_object *slots, size_t cnt)
{
	struct pool_header headers[ARENAS_CHECKED_MAX];
	struct memory_range ranges[ARENAS_CHECKED_MAX];
	size_t indices[ARENAS_CHECKED_MAX];
	size_t checked = 0, missing = 0;
	int err;

	for (size_t i = 0; i < cnt && checked < ARENAS_CHECKED_MAX; i++) {
		uint64_t first = geometry__first_pool(geometry, slots[i].address);

		if (!slots[i].address || slots[i].pool_address == first)
			continue;
		ranges[checked] = (struct memory_range){.address = first,
							.buffer = &headers[checked],
							.size = sizeof(headers[0])};
		indices[checked++] = i;
	}
	err = memory__read_ranges(memory, ranges, checked);
	if (err)
		return err;
	for (size_t i = 0; i < checked; i++) {
		if (ranges[i].is_swapped)
			continue;
		if (ranges[i].failed) {
			slots[indices[i]].address = 0;
			missing++;
		} else if (headers[i].arenaindex != indices[i]) {
			return -EUCLEAN;
		}
	}
	return missing > 1 || (missing && missing == checked) ? -EUCLEAN : 0;
}

static int append_arenas(const struct arena_object *slots, size_t cnt, uint32_t arena_size,
			 struct arena_list *list, struct account *account)
{
	size_t used = 0;
	int err;

	for (size_t i = 0; i < cnt; i++)
		used += slots[i].address != 0;
	err = ACCOUNT_RESERVE(account, list->items, list->capacity, list->cnt + used);
	if (err)
		return err;
	for (size_t i = 0; i < cnt; i++)
		if (slots[i].address)
			list->items[list->cnt++] =
				(struct region){.address = slots[i].address,
						.size = arena_size,
						.carved_end = slots[i].pool_address};
	return 0;
}

int arena_table__read(const struct memory *memory, uint64_t base, struct geometry *geometry,
		      struct arena_list *list, size_t *slot_cnt)
{
	_cleanup_account_free_ struct arena_object *slots = NULL;
	struct geometry found = *geometry;
	size_t plausible, length = 0;
	int err;

	err = read_slots(memory, base, &found, &slots, &plausible);
	if (err)
		return err;
	for (size_t i = ARENA_OBJECTS_INIT; i <= plausible; i *= 2) {
		err = check_unused_list(slots, base, i, memory->account);
		if (account__is_short(err))
			return err;
		if (!err)
			length = i;
	}
	if (!length || length < *slot_cnt)
		return -EUCLEAN;
	err = check_indices(memory, &found, slots, length);
	if (err)
		return err;
	err = append_arenas(slots, length, found.arena_size, list, memory->account);
	if (err)
		return err;
	*geometry = found;
	*slot_cnt = length;
	return 0;
}
