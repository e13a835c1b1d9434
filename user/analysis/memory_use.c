// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/memory_use.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/executable_files.h"
#include "target/module.h"
#include "target/shortage.h"
#include "util/account.h"
#include "util/checked.h"
#include "util/cleanup.h"
#include "util/partition_point.h"

#define END_UNKNOWN UINT64_MAX
/* How large the guard below a stack may be: glibc uses one page, unless a program requests more. */
#define GUARD_BYTES_MAX (64UL << 10)

const char *const memory_part_names[MEMORY_PART_CNT] = {
	[MEMORY_ARENAS] = "arenas", [MEMORY_MALLOC] = "malloc",		  [MEMORY_FILES] = "files",
	[MEMORY_STACKS] = "stacks", [MEMORY_UNEXPLAINED] = "unexplained",
};

/* State while the mappings are examined. */
struct survey {
	struct memory_use *use;
	const struct target *target;
	const struct heap *heap;
	const struct malloc_areas *malloc;
	uint64_t *stack_pointers; /* of waiting threads */
	size_t stack_pointer_cnt, stack_pointer_capacity;
	struct executable_files modules;
	uint64_t *data_ends; /* of the first modules: where static data ends, or END_UNKNOWN */
	uint64_t page_bytes;
};

void memory_use__release(struct memory_use *use)
{
	smaps__release(&use->smaps);
	account__free(use->regions);
	*use = (struct memory_use){};
}

static int add_region(struct survey *survey, size_t mapping, uint64_t start, uint64_t end,
		      enum memory_part part)
{
	struct memory_use *use = survey->use;
	int err = ACCOUNT_RESERVE(survey->heap->account, use->regions, use->region_capacity,
				  use->region_cnt + 1);

	if (err)
		return err;
	use->regions[use->region_cnt++] = (struct memory_region){.start = start,
								 .end = end,
								 .part = part,
								 .mapping = mapping};
	return 0;
}

/*
 * The end of the static data of the module that @file is an executable mapping of; 0 if @file is
 * not one of a module.
 */
static uint64_t read_end_of_data(const struct survey *survey, const struct mapping *file)
{
	_cleanup_(module__freep) struct module *module = NULL;
	const struct elf_segment *segments;
	uint64_t end = 0;
	size_t cnt;

	if (module__open(&module, survey->target, file))
		return 0;
	cnt = elf_file__segments(module->elf, &segments);
	for (size_t i = 0; i < cnt; i++) {
		/* The bias may be negative: the sum wraps around. */
		uint64_t segment_end = segments[i].address + module->bias;

		if (segments[i].writable &&
		    checked_add(segment_end, segments[i].memory_size, &segment_end) &&
		    segment_end > end)
			end = segment_end;
	}
	return checked_round_up(end, survey->page_bytes, &end) ? end : 0;
}

/* The same for any mapping. Each module is opened only once. */
static uint64_t end_of_data(struct survey *survey, const struct mapping *file)
{
	size_t place = executable_files__place_of(&survey->modules, file);

	if (place >= EXECUTABLE_FILES_MAX)
		return 0;
	if (survey->data_ends[place] == END_UNKNOWN)
		survey->data_ends[place] = read_end_of_data(survey, survey->modules.items[place]);
	return survey->data_ends[place];
}

/*
 * The end of the static data that a mapping without a file begins with; the start of the mapping if
 * there is none.
 */
static uint64_t end_of_static(struct survey *survey, size_t number)
{
	const struct mapping *mapping = &survey->use->smaps.mappings.items[number],
			     *before = number ? mapping - 1 : NULL;
	uint64_t end;

	if (!before || !before->inode || before->end != mapping->start)
		return mapping->start;
	end = end_of_data(survey, before);
	if (end <= mapping->start)
		return mapping->start;
	return end < mapping->end ? end : mapping->end;
}

/* The memory of malloc at @at, or the first above it; NULL: there is none. */
static const struct malloc_range *malloc_range_from(const struct survey *survey, uint64_t at)
{
	return malloc_range__from(survey->malloc->ranges, survey->malloc->range_cnt, at);
}

/*
 * The first address after @at where something else may begin, an arena or one of malloc's heaps; at
 * most @limit.
 */
static uint64_t next_start(const struct survey *survey, uint64_t at, uint64_t limit)
{
	const struct heap *heap = survey->heap;
	size_t first =
		PARTITION_POINT(region, heap->regions, heap->region_cnt, region->address <= at);
	const struct malloc_range *range = malloc_range_from(survey, at);

	if (first < heap->region_cnt && heap->regions[first].address < limit)
		limit = heap->regions[first].address;
	return range && range->start < limit ? range->start : limit;
}

static bool holds_stack_pointer(const struct survey *survey, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < survey->stack_pointer_cnt; i++)
		if (survey->stack_pointers[i] >= start && survey->stack_pointers[i] < end)
			return true;
	return false;
}

static bool is_above_guard(const struct survey *survey, size_t number, uint64_t start)
{
	const struct mapping *mapping = &survey->use->smaps.mappings.items[number],
			     *below = number ? mapping - 1 : NULL;

	return below && start == mapping->start && below->end == start && !below->readable &&
	       !below->writable && !below->inode && below->end - below->start <= GUARD_BYTES_MAX;
}

/* Adds what is neither an arena nor malloc's. It may continue the region before it. */
static int add_rest(struct survey *survey, size_t number, uint64_t start, uint64_t end)
{
	struct memory_use *use = survey->use;
	struct memory_region *last = use->region_cnt ? &use->regions[use->region_cnt - 1] : NULL;
	bool is_stack =
		holds_stack_pointer(survey, start, end) || is_above_guard(survey, number, start);
	enum memory_part part = is_stack ? MEMORY_STACKS : MEMORY_UNEXPLAINED;

	if (last && last->mapping == number && last->end == start && last->part == part) {
		last->end = end;
		return 0;
	}
	return add_region(survey, number, start, end, part);
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Divides a mapping without a file into regions. */
static int survey_anonymous(struct survey *survey, size_t number)
{
	const struct mapping *mapping = &survey->use->smaps.mappings.items[number];
	uint64_t at = end_of_static(survey, number), end;
	int err = 0;

	if (at > mapping->start)
		err = add_region(survey, number, mapping->start, at, MEMORY_FILES);
	for (; at < mapping->end && !err; at = end) {
		const struct region *arena = heap__region_around(survey->heap, at);
		const struct malloc_range *range = malloc_range_from(survey, at);

		if (arena) {
			end = lesser(region__end(arena), mapping->end);
			err = add_region(survey, number, at, end, MEMORY_ARENAS);
		} else if (range && range->start <= at) {
			end = lesser(range->end, mapping->end);
			err = add_region(survey, number, at, end, MEMORY_MALLOC);
		} else {
			end = next_start(survey, at, mapping->end);
			err = add_rest(survey, number, at, end);
		}
	}
	return err;
}

static bool begins_with(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static int survey_mapping(struct survey *survey, size_t number)
{
	const struct mapping *mapping = &survey->use->smaps.mappings.items[number];
	enum memory_part part = MEMORY_FILES;

	/* An inaccessible mapping takes up nothing but address space. */
	if (!mapping->readable && !mapping->writable && !mapping->executable &&
	    !survey->use->smaps.resident_bytes[number])
		return 0;
	/* Names given by the kernel or a program; by glibc with glibc.mem.decorate_maps. */
	if (!strcmp(mapping->path, "[heap]") || begins_with(mapping->path, "[anon: glibc: malloc"))
		part = MEMORY_MALLOC;
	else if (begins_with(mapping->path, "[stack") ||
		 begins_with(mapping->path, "[anon: glibc: thread stack"))
		part = MEMORY_STACKS;
	else if (!*mapping->path || begins_with(mapping->path, "[anon"))
		return survey_anonymous(survey, number);
	return add_region(survey, number, mapping->start, mapping->end, part);
}

static int add_stack_pointer(const struct target_thread *thread, void *context)
{
	struct survey *survey = context;
	int err;

	if (!thread->has_stack_pointer)
		return 0;
	err = ACCOUNT_RESERVE(survey->heap->account, survey->stack_pointers,
			      survey->stack_pointer_capacity, survey->stack_pointer_cnt + 1);
	if (err)
		return err;
	survey->stack_pointers[survey->stack_pointer_cnt++] = thread->stack_pointer;
	return 0;
}

/* Whether the region is all of its mapping: smaps says how much of that is resident. */
static bool is_whole(const struct memory_use *use, const struct memory_region *region)
{
	const struct mapping *mapping = &use->smaps.mappings.items[region->mapping];

	return region->start == mapping->start && region->end == mapping->end;
}

static int measure_parts(struct survey *survey)
{
	struct memory_use *use = survey->use;
	_cleanup_account_free_ struct resident_range *ranges =
		account__calloc(survey->heap->account, use->region_cnt + 1, sizeof(*ranges));
	size_t cnt = 0;
	int err;

	if (!ranges)
		return -errno;
	for (size_t i = 0; i < use->region_cnt; i++)
		if (!is_whole(use, &use->regions[i]))
			ranges[cnt++] = (struct resident_range){
				.address = use->regions[i].start,
				.size = use->regions[i].end - use->regions[i].start,
			};
	err = target__measure_resident(survey->target, ranges, cnt);
	if (err)
		return err;
	cnt = 0;
	for (size_t i = 0; i < use->region_cnt; i++)
		use->regions[i].resident_bytes =
			is_whole(use, &use->regions[i])
				? use->smaps.resident_bytes[use->regions[i].mapping]
				: ranges[cnt++].resident_bytes;
	return 0;
}

static void add_share(struct memory_share *share, const struct memory_region *region)
{
	share->mapped_bytes += region->end - region->start;
	share->resident_bytes += region->resident_bytes;
}

static int list_modules(struct survey *survey)
{
	const struct mappings *mappings = &survey->use->smaps.mappings;
	int err = executable_files__find(&survey->modules, mappings->items, mappings->cnt);

	if (err)
		return err;
	survey->data_ends = calloc(EXECUTABLE_FILES_MAX, sizeof(*survey->data_ends));
	if (!survey->data_ends)
		return -ENOMEM;
	for (size_t i = 0; i < EXECUTABLE_FILES_MAX; i++)
		survey->data_ends[i] = END_UNKNOWN;
	return 0;
}

static void survey__release(struct survey *survey)
{
	account__free(survey->stack_pointers);
	free(survey->data_ends);
	executable_files__release(&survey->modules);
}

int memory_use__find(struct memory_use *out, const struct target *target, const struct heap *heap,
		     const struct malloc_areas *malloc)
{
	_cleanup_(memory_use__release) struct memory_use use = {.is_known = true};
	_cleanup_(survey__release) struct survey survey = {
		.use = &use,
		.target = target,
		.heap = heap,
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
		.malloc = malloc,
	};
	int err = target__read_smaps(target, &use.smaps);

	if (!err)
		err = list_modules(&survey);
	if (!err)
		err = target__visit_threads(target, add_stack_pointer, &survey);
	for (size_t i = 0; i < use.smaps.mappings.cnt && !err; i++)
		err = survey_mapping(&survey, i);
	if (!err)
		err = measure_parts(&survey);
	if (err)
		return err;
	for (size_t i = 0; i < use.region_cnt; i++) {
		add_share(&use.parts[use.regions[i].part], &use.regions[i]);
		add_share(&use.all, &use.regions[i]);
	}
	*out = use;
	use = (struct memory_use){};
	return 0;
}

int memory_use__find_for_report(struct memory_use *out, const struct target *target,
				const struct heap *heap, const struct malloc_areas *malloc,
				struct counters *counters, struct failure *failure)
{
	int err = memory_use__find(out, target, heap, malloc);

	if (account__is_short(err))
		return shortage__describe(target, err, failure);
	if (!err)
		counters__add(counters, COUNTER_TEXTS_CUT, out->smaps.mappings.is_cut);
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
