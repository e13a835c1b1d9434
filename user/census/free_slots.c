// SPDX-License-Identifier: BSD-2-Clause
#include "census/free_slots.h"

#include <errno.h>
#include <stdlib.h>

#include "util/checked.h"
#include "util/cleanup.h"

/* PyDict_MAXFREELIST, PyList_MAXFREELIST, _PyAsyncGen_MAXFREELIST */
#define SLOT_CNT    80
#define ARRAYS_MAX  5
#define MINOR_FIRST 10

/* Offsets of an array and of its count in PyInterpreterState. */
struct array_place {
	uint32_t slots, cnt;
};

/*
 * For lists, dicts, keys; async_gen.value_freelist and asend_freelist. From the debug information
 * of 3.10.13, 3.11.7, 3.12.1 and 3.13.0.
 */
static const struct array_place places[][ARRAYS_MAX] = {
	{{10040, 10680}, {10688, 11328}, {11336, 11976}, {12000, 12640}, {12648, 13288}},
	{{3872, 4512}, {4520, 5160}, {5168, 5808}, {5816, 6456}, {6464, 7104}},
	{{270072, 270712}, {270736, 272016}, {271376, 272020}, {272088, 272728}, {272736, 273376}},
	{{11208, 11848}, {11856, 12496}, {12504, 13144}, {13176, 13816}, {13824, 14464}},
};

void free_slots__release(struct free_slots *slots)
{
	account__free(slots->ranges);
	*slots = (struct free_slots){};
}

/*
 * Whether @slots can be such an array. The target keeps running, so some of the objects below the
 * count may have been reused since it was read; but not most of them.
 */
static bool is_array(const struct census *census, const uint64_t *slots, uint32_t cnt)
{
	uint32_t taken_cnt = 0;

	if (cnt > SLOT_CNT)
		return false;
	for (uint32_t i = 0; i < SLOT_CNT; i++) {
		uint32_t kind;

		if (slots[i] ? !could_be_object(slots[i]) : i < cnt)
			return false;
		kind = i < cnt ? census__kind_at(census, slots[i]) : 0;
		taken_cnt += block_kind__role(kind) == BLOCK_OBJECT;
	}
	return taken_cnt * 2 <= cnt;
}

static int add_array(struct free_slots *out, const struct census *census, uint64_t interpreter,
		     const struct array_place *place)
{
	uint64_t start, cnt_at, end, slots[SLOT_CNT];
	uint32_t cnt;
	int err;

	if (!checked_add(interpreter, place->slots, &start) ||
	    !checked_add(interpreter, place->cnt, &cnt_at) ||
	    !checked_add(start, sizeof(slots), &end))
		return 0;
	err = memory__read(census->memory, start, slots, sizeof(slots));
	if (!err)
		err = memory__read(census->memory, cnt_at, &cnt, sizeof(cnt));
	if (err)
		return memory__is_missing(err) ? 0 : err;
	if (!is_array(census, slots, cnt))
		return 0;
	err = ACCOUNT_RESERVE(census->memory->account, out->ranges, out->capacity, out->cnt + 1);
	if (!err)
		out->ranges[out->cnt++] = (struct slot_range){start, end};
	return err;
}

static int compare_ranges(const void *left, const void *right)
{
	const struct slot_range *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

int free_slots__find(struct free_slots *out, const struct census *census,
		     const struct runtime *runtime)
{
	_cleanup_(free_slots__release) struct free_slots slots = {};
	_cleanup_account_free_ uint64_t *interpreters = NULL;
	size_t version = (size_t)census->minor - MINOR_FIRST, cnt = 0;
	int err = 0;

	if (census->major == 3 && version < ARRAY_SIZE(places))
		err = runtime__interpreters(runtime, census->memory, &interpreters, &cnt);
	for (size_t i = 0; i < cnt && !err; i++)
		for (size_t j = 0; j < ARRAYS_MAX && !err; j++)
			err = add_array(&slots, census, interpreters[i], &places[version][j]);
	if (err)
		return err;
	if (slots.cnt)
		qsort(slots.ranges, slots.cnt, sizeof(*slots.ranges), compare_ranges);
	*out = slots;
	slots = (struct free_slots){};
	return 0;
}

static int compare_with_range(const void *key, const void *item)
{
	const struct slot_range *range = item;
	uint64_t address = *(const uint64_t *)key;

	return address < range->start ? -1 : address >= range->end;
}

bool free_slots__has(const struct free_slots *slots, uint64_t address)
{
	return slots->cnt && bsearch(&address, slots->ranges, slots->cnt, sizeof(*slots->ranges),
				     compare_with_range);
}
