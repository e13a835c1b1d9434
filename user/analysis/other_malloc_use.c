// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/other_malloc_use.h"

#include "target/shortage.h"
#include "util/account.h"

/*
 * Symbols of all files are searched for allocators that are not recognized only if so much memory
 * is unexplained: 1 MiB, and one in fifty bytes.
 */
#define SEARCHED_FROM_BYTES (1UL << 20)
#define SEARCHED_FROM_SHARE 50

const char *const other_malloc_release_calls[OTHER_MALLOC_KINDS] = {
	[OTHER_JEMALLOC] = "mallctl(\"arena.4096.purge\", NULL, NULL, NULL, 0)",
	[OTHER_TCMALLOC] = "MallocExtension_ReleaseFreeMemory()",
};

int other_mallocs__find_for_report(struct other_mallocs *out, struct target *target,
				   struct failure *failure)
{
	int err = target__reload_maps(target, failure);

	if (!err)
		err = other_mallocs__find(out, target);
	target__forget_maps(target);
	if (account__is_short(err))
		return shortage__describe(target, err, failure);
	if (err)
		other_mallocs__release(out);
	return 0;
}

uint64_t loaded_mallocs__bytes_max(const struct memory_use *use)
{
	return use->parts[MEMORY_UNEXPLAINED].resident_bytes +
	       use->parts[MEMORY_BREAK].resident_bytes;
}

int loaded_mallocs__find_for_report(struct loaded_mallocs *out, struct target *target,
				    const struct other_mallocs *found, const struct memory_use *use,
				    struct failure *failure)
{
	int err;

	if (loaded_mallocs__bytes_max(use) < SEARCHED_FROM_BYTES ||
	    loaded_mallocs__bytes_max(use) < use->all.resident_bytes / SEARCHED_FROM_SHARE)
		return 0;
	err = target__reload_maps(target, failure);
	if (!err)
		err = loaded_mallocs__find(out, target, found);
	target__forget_maps(target);
	return account__is_short(err) ? shortage__describe(target, err, failure) : 0;
}

struct memory_share other_malloc__share(const struct memory_use *use, size_t number,
					enum other_state state)
{
	uint32_t owner = other_malloc__owner(number, state);
	struct memory_share share = {};

	for (size_t i = 0; i < use->region_cnt; i++) {
		const struct memory_region *region = &use->regions[i];

		if (region->part != MEMORY_OTHER_MALLOCS || region->owner != owner)
			continue;
		share.mapped_bytes += region->end - region->start;
		share.resident_bytes += region->resident_bytes;
	}
	return share;
}
