// SPDX-License-Identifier: BSD-2-Clause
#include "census/free_list_types.h"

#include <errno.h>
#include <string.h>

#include "util/account.h"
#include "util/cleanup.h"

#define VERSION(major, minor) ((major)*100 + (minor))
#define LATEST		      VERSION(3, 99)
#define NO_LIMIT	      UINT32_MAX
/* Up to this version, all interpreters have the same free lists. */
#define LAST_SHARED VERSION(3, 9)
/* Keys of dicts: PyDict_MAXFREELIST, Objects/dictobject.c. */
#define KEYS_MAX 80

/*
 * The limits are macros in the files of the types (Objects, Modules/_asynciomodule.c,
 * Python/context.c), from 3.13 on in Include/internal/pycore_freelist_state.h.
 */
static const struct free_list {
	const char *type;
	int first, last; /* versions */
	uint32_t most;	 /* objects, in each interpreter */
} free_lists[] = {
	{"tuple", VERSION(2, 7), LATEST, 20 * 2000}, /* 20 lists, by the number of items */
	{"list", VERSION(2, 7), LATEST, 80},
	{"dict", VERSION(2, 7), LATEST, 80},
	{"set", VERSION(2, 7), VERSION(2, 7), 80},
	{"frozenset", VERSION(2, 7), VERSION(2, 7), 80},
	{"unicode", VERSION(2, 7), VERSION(2, 7), 1024},
	{"instancemethod", VERSION(2, 7), VERSION(2, 7), 256},
	{"method", VERSION(3, 0), VERSION(3, 8), 256},
	{"method", VERSION(3, 14), LATEST, 20},
	{"builtin_function_or_method", VERSION(2, 7), VERSION(3, 8), 256},
	{"builtin_function_or_method", VERSION(3, 14), LATEST, 16},
	{"builtin_method", VERSION(3, 14), LATEST, 16},
	/* In addition to the list, each code object keeps a frame (co_zombieframe). */
	{"frame", VERSION(2, 7), VERSION(3, 10), NO_LIMIT},
	{"float", VERSION(3, 0), LATEST, 100},
	{"int", VERSION(3, 14), LATEST, 100},
	{"complex", VERSION(3, 15), LATEST, 100},
	{"slice", VERSION(3, 0), LATEST, 1},
	{"range", VERSION(3, 14), LATEST, 6},
	{"range_iterator", VERSION(3, 14), LATEST, 6},
	{"list_iterator", VERSION(3, 14), LATEST, 10},
	{"tuple_iterator", VERSION(3, 14), LATEST, 10},
	{"MemoryError", VERSION(3, 0), LATEST, 16},
	{"Context", VERSION(3, 7), LATEST, 255},
	{"_contextvars.Context", VERSION(3, 7), LATEST, 255},
	{"async_generator_asend", VERSION(3, 6), LATEST, 80},
	{"async_generator_wrapped_value", VERSION(3, 6), LATEST, 80},
	{"_asyncio.FutureIter", VERSION(3, 5), LATEST, 255},
};

/* How many more objects of a type can be on its free lists; of all interpreters. */
static uint32_t find_most(const struct census *census, uint32_t most)
{
	uint32_t interpreters =
		VERSION(census->major, census->minor) <= LAST_SHARED ? 1 : census->interpreter_cnt;

	if (most == NO_LIMIT || !interpreters || interpreters > NO_LIMIT / most)
		return NO_LIMIT;
	return most * interpreters;
}

/* No class made in Python has a dot in tp_name. From 3.12 on, FutureIter is a heap type. */
static uint32_t most_of_type(const struct census *census, const struct type *type)
{
	int version = VERSION(census->major, census->minor);

	if (type->flags & TYPE_HEAPTYPE && !type->name_has_dot)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(free_lists); i++)
		if (version >= free_lists[i].first && version <= free_lists[i].last &&
		    !strcmp(type->name, free_lists[i].type))
			return find_most(census, free_lists[i].most);
	return 0;
}

/* @left: how many more can be on the free lists. */
static void settle_block(struct census *census, uint32_t place, uint32_t *left)
{
	if (!(census->blocks.words[place] & BLOCK_TRACKED) && *left) {
		*left -= *left != NO_LIMIT;
		return;
	}
	census->blocks.words[place] = block_kind(BLOCK_UNKNOWN, PART_NONE, 0);
	census->freed_blocks++;
}

int free_list_types__settle(struct census *census)
{
	uint32_t keys_left = find_most(census, KEYS_MAX), cnt = type_table__cnt(census->types);
	_cleanup_account_free_ uint32_t *left =
		account__calloc(census->heap->account, cnt + 1, sizeof(*left));

	if (!left)
		return -errno;
	for (uint32_t i = 0; i < cnt; i++)
		left[i] = most_of_type(census, type_table__at(census->types, i));
	for (uint32_t i = 0; i < census->blocks.place_cnt; i++) {
		uint32_t kind = census->blocks.words[i];

		if (block_kind__role(kind) == BLOCK_FREE_LISTED)
			settle_block(census, i,
				     block_kind__part(kind) == PART_KEYS
					     ? &keys_left
					     : &left[block_kind__type(kind)]);
	}
	return 0;
}
