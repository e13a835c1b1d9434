// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/target_areas.h"

#include "util/checked.h"

static bool is_private_writable(const struct mapping *mapping)
{
	return mapping->readable && mapping->writable && !mapping->shared;
}

bool static_area__find(struct static_area *out, const struct target *target, size_t from)
{
	const struct mapping *maps = target->maps;
	uint64_t limit = 0;
	size_t i = from;

	while (i < target->map_cnt && !(is_private_writable(&maps[i]) && maps[i].inode))
		i++;
	if (i == target->map_cnt)
		return false;
	*out = (struct static_area){.start = maps[i].start, .end = maps[i].end, .file = &maps[i]};
	for (i++; i < target->map_cnt && maps[i].start == out->end; i++) {
		if (!is_private_writable(&maps[i]) || (maps[i].inode && limit))
			break;
		if (!maps[i].inode && !limit &&
		    !checked_add(out->end, STATIC_BSS_BYTES_MAX, &limit))
			break;
		out->end = maps[i].end;
	}
	if (limit && out->end > limit)
		out->end = limit;
	out->next = i;
	return true;
}

bool target_areas__are_anonymous(const struct target *target, uint64_t address, uint64_t size)
{
	const struct mapping *mapping = target__find_mapping(target, address),
			     *last = target->maps + target->map_cnt;
	uint64_t end;

	if (!mapping || !checked_add(address, size, &end))
		return false;
	for (; mapping < last && is_private_writable(mapping) && !mapping->inode; mapping++) {
		if (mapping->end >= end)
			return true;
		if (mapping + 1 < last && mapping[1].start != mapping->end)
			return false;
	}
	return false;
}
