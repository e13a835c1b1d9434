// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/static_data.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "target/executable_files.h"
#include "target/module.h"
#include "util/checked.h"
#include "util/cleanup.h"

#define END_UNKNOWN UINT64_MAX

/* State while the mappings are examined. */
struct search {
	const struct target *target;
	struct executable_files modules;
	uint64_t *ends; /* of the first modules: where static data ends, or END_UNKNOWN */
	uint64_t page_bytes;
};

static void search__release(struct search *search)
{
	free(search->ends);
	executable_files__release(&search->modules);
}

static int list_modules(struct search *search, const struct mappings *mappings)
{
	int err = executable_files__find(&search->modules, mappings->items, mappings->cnt);

	if (err)
		return err;
	search->ends = calloc(EXECUTABLE_FILES_MAX, sizeof(*search->ends));
	if (!search->ends)
		return -ENOMEM;
	for (size_t i = 0; i < EXECUTABLE_FILES_MAX; i++)
		search->ends[i] = END_UNKNOWN;
	return 0;
}

/*
 * The end of the static data of the module that @file is an executable mapping of; 0 if @file is
 * not one of a module.
 */
static uint64_t read_end(const struct search *search, const struct mapping *file)
{
	_cleanup_(module__freep) struct module *module = NULL;
	const struct elf_segment *segments;
	uint64_t end = 0;
	size_t cnt;

	if (module__open(&module, search->target, file))
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
	return checked_round_up(end, search->page_bytes, &end) ? end : 0;
}

/* The same for any mapping. Each module is opened only once. */
static uint64_t end_of_data(const struct search *search, const struct mapping *file)
{
	size_t place = executable_files__place_of(&search->modules, file);

	if (place >= EXECUTABLE_FILES_MAX)
		return 0;
	if (search->ends[place] == END_UNKNOWN)
		search->ends[place] = read_end(search, search->modules.items[place]);
	return search->ends[place];
}

int static_data__add(struct part_ranges *ranges, const struct target *target,
		     const struct mappings *mappings)
{
	_cleanup_(search__release) struct search search = {.target = target,
							   .page_bytes =
								   (uint64_t)sysconf(_SC_PAGESIZE)};
	int err = list_modules(&search, mappings);

	for (size_t i = 1; i < mappings->cnt && !err; i++) {
		const struct mapping *file = &mappings->items[i - 1], *behind = file + 1;

		if (file->inode && !behind->inode && file->end == behind->start)
			err = part_ranges__add(ranges, behind->start, end_of_data(&search, file),
					       MEMORY_FILES, (uint32_t)(i - 1));
	}
	return err;
}
