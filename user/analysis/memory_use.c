// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/memory_use.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/resident_states.h"
#include "target/shortage.h"
#include "util/account.h"
#include "util/cleanup.h"

/* How large the guard below a stack may be: glibc uses one page, unless a program requests more. */
#define GUARD_BYTES_MAX (64UL << 10)

/* State while the mappings are divided. */
struct survey {
	struct memory_use *use;
	const struct target *target;
	struct account *account;
};

void memory_use__release(struct memory_use *use)
{
	smaps__release(&use->smaps);
	memory_owners__release(&use->owners);
	memory_files__release(&use->files);
	account__free(use->regions);
	*use = (struct memory_use){};
}

static int add_region(struct survey *survey, size_t mapping, const struct part_range *range)
{
	struct memory_use *use = survey->use;
	int err = ACCOUNT_RESERVE(survey->account, use->regions, use->region_capacity,
				  use->region_cnt + 1);

	if (err)
		return err;
	use->regions[use->region_cnt++] = (struct memory_region){.start = range->start,
								 .end = range->end,
								 .part = range->part,
								 .state = range->state,
								 .owner = range->owner,
								 .mapping = mapping};
	return 0;
}

static bool is_above_guard(const struct survey *survey, size_t number, uint64_t start)
{
	const struct mapping *mapping = &survey->use->smaps.mappings.items[number],
			     *below = number ? mapping - 1 : NULL;

	return !survey->use->owners.stacks.has_lists && below && start == mapping->start &&
	       below->end == start && !below->readable && !below->writable && !below->inode &&
	       below->end - below->start <= GUARD_BYTES_MAX;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Such a mapping takes up nothing but address space. */
static bool is_inaccessible(const struct survey *survey, size_t number)
{
	const struct mapping *mapping = &survey->use->smaps.mappings.items[number];

	return !mapping->readable && !mapping->writable && !mapping->executable &&
	       !survey->use->smaps.usages[number].resident_bytes;
}

/* Whether what no range covers is a stack: then says so. */
static void recognize_stack(const struct survey *survey, size_t number, struct part_range *range)
{
	const struct thread_stacks *stacks = &survey->use->owners.stacks;
	struct thread_stack *stack = thread_stacks__find_pointer(stacks, range->start, range->end);

	if (!stack && !is_above_guard(survey, number, range->start))
		return;
	range->part = MEMORY_STACKS;
	range->owner = STACK_UNOWNED;
	if (!stack)
		return;
	range->owner = (uint32_t)(stack - stacks->items);
	stack->guard_start = stack->start = range->start;
	stack->end = range->end;
}

/* Divides a mapping without a file. What no range covers is of part @rest, or a stack. */
static int divide(struct survey *survey, size_t number, enum memory_part rest)
{
	const struct mapping *mapping = &survey->use->smaps.mappings.items[number];
	uint64_t at = mapping->start;
	int err = 0;

	while (at < mapping->end && !err) {
		const struct part_range *known = part_ranges__from(&survey->use->owners.ranges, at);
		struct part_range range = {.start = at, .part = rest};

		if (known && known->start <= at) {
			range = *known;
			range.start = at;
			range.end = lesser(known->end, mapping->end);
		} else {
			range.end = known ? lesser(known->start, mapping->end) : mapping->end;
			if (rest == MEMORY_UNEXPLAINED)
				recognize_stack(survey, number, &range);
		}
		at = range.end;
		if (!is_inaccessible(survey, number) || range.part == MEMORY_GUARDS)
			err = add_region(survey, number, &range);
	}
	return err;
}

static bool begins_with(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/*
 * What a mapping is by its name, which the kernel or a program gave it. glibc gives names with the
 * tunable glibc.mem.decorate_maps.
 */
static enum memory_part part_of_name(const struct mapping *mapping)
{
	static const struct {
		const char *beginning;
		enum memory_part part;
	} names[] = {
		{"[heap]", MEMORY_BREAK},
		{"[stack", MEMORY_STACKS},
		{"[anon: glibc: malloc", MEMORY_MALLOC},
		{"[anon: glibc: thread stack", MEMORY_STACKS},
		{"[anon_shmem", MEMORY_SHARED},
		{"[anon", MEMORY_UNEXPLAINED},
		{"[", MEMORY_KERNEL}, /* vdso, vvar, uprobes, ... */
		{"anon_inode:", MEMORY_KERNEL},
		{"socket:", MEMORY_KERNEL},
		{"/memfd:", MEMORY_SHARED},
		{"/dev/shm/", MEMORY_SHARED},
		{"/SYSV", MEMORY_SHARED},
		{"/", MEMORY_FILES},
	};

	if (!strcmp(mapping->path, "/dev/zero"))
		return mapping->shared ? MEMORY_SHARED : MEMORY_UNEXPLAINED;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (begins_with(mapping->path, names[i].beginning))
			return names[i].part;
	return *mapping->path || mapping->inode ? MEMORY_FILES : MEMORY_UNEXPLAINED;
}

static int survey_mapping(struct survey *survey, size_t number)
{
	const struct mapping *mapping = &survey->use->smaps.mappings.items[number];
	const struct part_range all = {
		.start = mapping->start,
		.end = mapping->end,
		.part = part_of_name(mapping),
		.owner = (uint32_t)number,
	};

	if (is_inaccessible(survey, number) && mapping->inode)
		return 0;
	return mapping->inode || all.part == MEMORY_KERNEL ? add_region(survey, number, &all)
							   : divide(survey, number, all.part);
}

/* Whether the region is all of its mapping: smaps says how much of that is resident. */
static bool is_whole(const struct memory_use *use, const struct memory_region *region)
{
	const struct mapping *mapping = &use->smaps.mappings.items[region->mapping];

	return region->start == mapping->start && region->end == mapping->end;
}

/* Lists the regions that pages must be counted of. */
static int list_partial(const struct survey *survey, struct resident_range **out, size_t *cnt)
{
	const struct memory_use *use = survey->use;
	struct resident_range *ranges =
		account__calloc(survey->account, use->region_cnt + 1, sizeof(*ranges));

	if (!ranges)
		return -errno;
	for (size_t i = 0; i < use->region_cnt; i++)
		if (!is_whole(use, &use->regions[i]))
			ranges[(*cnt)++] = (struct resident_range){
				.address = use->regions[i].start,
				.size = use->regions[i].end - use->regions[i].start,
			};
	*out = ranges;
	return 0;
}

static int measure_resident(struct survey *survey, struct resident_range *ranges, size_t cnt)
{
	struct memory_use *use = survey->use;
	int err = target__measure_resident(survey->target, ranges, cnt);

	if (err)
		return err;
	use->resident_is_upper_bound = !target__residency_is_exact(survey->target);
	for (size_t i = 0, at = 0; i < use->region_cnt; i++)
		use->regions[i].resident_bytes =
			is_whole(use, &use->regions[i])
				? use->smaps.usages[use->regions[i].mapping].resident_bytes
				: ranges[at++].resident_bytes;
	return 0;
}

static struct smaps_usage sum_up(const struct smaps *smaps)
{
	struct smaps_usage total = {};

	for (size_t i = 0; i < smaps->mappings.cnt; i++) {
		total.resident_bytes += smaps->usages[i].resident_bytes;
		total.huge_bytes += smaps->usages[i].huge_bytes;
		total.hugetlb_bytes += smaps->usages[i].hugetlb_bytes;
		total.swap_bytes += smaps->usages[i].swap_bytes;
	}
	return total;
}

static void clear(struct resident_range *ranges, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		ranges[i].resident_bytes = 0;
}

/* Guard pages look as if they were swapped out (MADV_GUARD_INSTALL). */
static int measure_swapped(struct survey *survey, struct resident_range *ranges, size_t cnt)
{
	struct memory_use *use = survey->use;
	int err = 0;

	clear(ranges, cnt);
	if (use->total.swap_bytes)
		err = target__measure_swapped(survey->target, ranges, cnt);
	if (err)
		return err;
	for (size_t i = 0, at = 0; i < use->region_cnt; i++) {
		struct memory_region *region = &use->regions[i];
		uint64_t bytes = is_whole(use, region)
					 ? use->smaps.usages[region->mapping].swap_bytes
					 : ranges[at++].resident_bytes;

		if (region->part != MEMORY_GUARDS)
			region->swap_bytes = bytes;
	}
	return 0;
}

/* Not every kernel says which pages are huge, but each says whether any are. */
static int measure_huge(struct survey *survey, struct resident_range *ranges, size_t cnt)
{
	struct memory_use *use = survey->use;
	int err = 0;

	clear(ranges, cnt);
	if (use->total.huge_bytes)
		err = target__measure_huge(survey->target, ranges, cnt);
	if (err)
		return err == -ENODATA ? 0 : err;
	use->knows_huge = true;
	for (size_t i = 0, at = 0; i < use->region_cnt; i++)
		use->regions[i].huge_bytes =
			is_whole(use, &use->regions[i])
				? use->smaps.usages[use->regions[i].mapping].huge_bytes
				: ranges[at++].resident_bytes;
	return 0;
}

static int measure_parts(struct survey *survey)
{
	_cleanup_account_free_ struct resident_range *ranges = NULL;
	size_t cnt = 0;
	int err = list_partial(survey, &ranges, &cnt);

	survey->use->total = sum_up(&survey->use->smaps);
	if (!err)
		err = measure_resident(survey, ranges, cnt);
	if (!err)
		err = measure_swapped(survey, ranges, cnt);
	return err ? err : measure_huge(survey, ranges, cnt);
}

static void add_share(struct memory_share *share, const struct memory_region *region)
{
	share->mapped_bytes += region->end - region->start;
	share->resident_bytes += region->resident_bytes;
	share->swap_bytes += region->swap_bytes;
	share->huge_bytes += region->huge_bytes;
}

/* The states of files are what smaps says of a mapping; all else is divided into regions. */
static void add_states(struct memory_use *use, const struct memory_region *region)
{
	uint64_t *states = use->states[region->part];
	const struct smaps_usage *usage = &use->smaps.usages[region->mapping];

	if (region->part != MEMORY_FILES) {
		states[region->state] += region->resident_bytes;
	} else if (use->smaps.mappings.items[region->mapping].inode) {
		states[STATE_PRIVATE_DIRTY] += usage->private_dirty_bytes;
		states[STATE_PRIVATE_CLEAN] += usage->private_clean_bytes;
		states[STATE_SHARED] += usage->shared_clean_bytes + usage->shared_dirty_bytes;
	} else {
		states[STATE_PRIVATE_DIRTY] += region->resident_bytes; /* static data */
	}
}

static void add_up(struct memory_use *use)
{
	for (size_t i = 0; i < use->owners.stacks.cnt; i++)
		use->stack_cnt += use->owners.stacks.items[i].end != 0;
	for (size_t i = 0; i < use->region_cnt; i++) {
		const struct memory_region *region = &use->regions[i];

		add_share(&use->parts[region->part], region);
		add_share(&use->all, region);
		add_states(use, region);
		if (region->part == MEMORY_STACKS && region->owner != STACK_UNOWNED)
			add_share(&use->owners.stacks.items[region->owner].share, region);
	}
}

/* A heap that was never read has regions, but no blocks. */
static int divide_heaps(struct memory_use *use, const struct memory_use_of *of)
{
	const struct resident_states_of states_of = {
		.target = of->target,
		.regions = use->regions,
		.region_cnt = use->region_cnt,
		.account = of->heap->account,
	};
	int err = 0;

	if (of->heap->readings)
		err = resident_states__of_arenas(use->states[MEMORY_ARENAS],
						 use->parts[MEMORY_ARENAS].resident_bytes,
						 &states_of, of->heap);
	if (!err && of->mallocs)
		err = resident_states__of_malloc(use->states[MEMORY_MALLOC],
						 use->parts[MEMORY_MALLOC].resident_bytes,
						 &states_of, of->mallocs);
	return err;
}

/* Whether a region continues in the next mapping: the kernel divides mappings, too. */
static bool continues(const struct memory_use *use, const struct memory_region *region,
		      const struct memory_region *next)
{
	const struct mapping *mappings = use->smaps.mappings.items;

	return region->end == next->start && region->part == next->part &&
	       region->owner == next->owner && region->state == next->state &&
	       !mappings[region->mapping].inode && !mappings[next->mapping].inode &&
	       !strcmp(mappings[region->mapping].path, mappings[next->mapping].path);
}

static void join_regions(struct memory_use *use)
{
	size_t cnt = 0;

	for (size_t i = 0; i < use->region_cnt; i++) {
		struct memory_region *last = cnt ? &use->regions[cnt - 1] : NULL;

		if (!last || !continues(use, last, &use->regions[i])) {
			use->regions[cnt++] = use->regions[i];
			continue;
		}
		last->end = use->regions[i].end;
		last->resident_bytes += use->regions[i].resident_bytes;
		last->swap_bytes += use->regions[i].swap_bytes;
		last->huge_bytes += use->regions[i].huge_bytes;
	}
	use->region_cnt = cnt;
}

int memory_use__find(struct memory_use *out, const struct memory_use_of *of)
{
	struct account *account = of->heap->account;
	_cleanup_(memory_use__release) struct memory_use use = {
		.is_known = true,
		.owners = {.ranges = {.account = account}},
	};
	struct survey survey = {.use = &use, .target = of->target, .account = account};
	int err = target__read_smaps(of->target, &use.smaps);

	if (!err)
		err = memory_owners__find(&use.owners, of, &use.smaps.mappings);
	for (size_t i = 0; i < use.smaps.mappings.cnt && !err; i++)
		err = survey_mapping(&survey, i);
	if (!err)
		err = measure_parts(&survey);
	if (!err) {
		join_regions(&use);
		add_up(&use);
		err = divide_heaps(&use, of);
	}
	if (!err)
		err = memory_files__list(&use.files, use.regions, use.region_cnt, &use.smaps,
					 account);
	if (err)
		return err;
	*out = use;
	use = (struct memory_use){};
	return 0;
}

int memory_use__find_for_report(struct memory_use *out, const struct memory_use_of *of,
				struct counters *counters, struct failure *failure)
{
	int err = memory_use__find(out, of);

	if (account__is_short(err))
		return shortage__describe(of->target, err, failure);
	if (!err)
		counters__add(counters, COUNTER_TEXTS_CUT, out->smaps.mappings.is_cut);
	if (!err)
		counters__add(counters, COUNTER_ROOTS_REFUSED,
			      out->owners.frames.refused_cnt + out->owners.stacks.refused_cnt);
	return 0;
}

static int compare_region(const void *key, const void *item)
{
	const struct memory_region *region = item;
	uint64_t address = *(const uint64_t *)key;

	return address < region->start ? -1 : address >= region->end;
}

const struct memory_region *memory_use__region_at(const struct memory_use *use, uint64_t address)
{
	return use->region_cnt ? bsearch(&address, use->regions, use->region_cnt,
					 sizeof(*use->regions), compare_region)
			       : NULL;
}

const struct memory_region *memory_use__largest_unexplained(const struct memory_use *use)
{
	const struct memory_region *largest = NULL;

	for (size_t i = 0; i < use->region_cnt; i++) {
		const struct memory_region *region = &use->regions[i];

		if (region->part == MEMORY_UNEXPLAINED &&
		    (!largest || region->resident_bytes > largest->resident_bytes))
			largest = region;
	}
	return largest;
}
