// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/mallocng_layout.h"

#include <assert.h>

static_assert(sizeof(struct mallocng_area) <= MALLOCNG_AREA_BYTES, "an area is a page");

/* Of a slot, in units. */
static const uint16_t class_units[MALLOCNG_CLASSES] = {
	1,   2,	  3,   4,    5,	   6,	 7,    8,    9,	   10,	 12,   15,   18,   20,	 25,   31,
	36,  42,  50,  63,   72,   84,	 102,  127,  146,  170,	 204,  255,  292,  340,	 409,  511,
	584, 682, 818, 1023, 1169, 1364, 1637, 2047, 2340, 2730, 3276, 4095, 4680, 5460, 6552, 8191,
};

uint64_t mallocng_group__outer_slot_bytes(const struct mallocng_group *group)
{
	uint64_t units = group->slots * group->slot_bytes / MALLOCNG_UNIT + 1;
	size_t i = 0;

	while (i < MALLOCNG_CLASSES - 1 && class_units[i] < units)
		i++;
	return class_units[i] * MALLOCNG_UNIT;
}

bool mallocng_group__decode(struct mallocng_group *out, const struct mallocng_meta *meta)
{
	unsigned int last = meta->bits & 31;
	uint32_t all = (uint32_t)((2UL << last) - 1);
	struct mallocng_group group = {
		.slots = last + 1,
		.is_freeable = meta->bits >> 5 & 1,
		.size_class = meta->bits >> 6 & 63,
		.mapping_bytes = (meta->bits >> 12) * MALLOCNG_AREA_BYTES,
	};
	bool is_mapped = group.size_class == MALLOCNG_CLASS_MAPPED;

	if ((group.size_class >= MALLOCNG_CLASSES && !is_mapped) ||
	    (meta->avail_mask | meta->freed_mask) & ~all || meta->avail_mask & meta->freed_mask ||
	    (is_mapped && (last || !group.mapping_bytes)))
		return false;
	group.in_use =
		(unsigned int)__builtin_popcount(all & ~(meta->avail_mask | meta->freed_mask));
	group.slot_bytes = group.mapping_bytes && !last
				   ? group.mapping_bytes - MALLOCNG_UNIT
				   : class_units[group.size_class] * MALLOCNG_UNIT;
	if (group.mapping_bytes &&
	    group.slots * group.slot_bytes > group.mapping_bytes - MALLOCNG_UNIT)
		return false;
	*out = group;
	return true;
}
