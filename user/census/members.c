// SPDX-License-Identifier: BSD-2-Clause
#include "census/members.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

#define BASES_MAX	64
#define PYOBJECT_BYTES	16
#define MEMBERS_MAX	256
#define MEMBERS_AT_ONCE 32
#define NAME_BYTES	128
#define T_OBJECT	6
#define T_OBJECT_EX	16

struct member {
	uint64_t name; /* const char * */
	int32_t type;
	uint64_t offset;
	int32_t flags;
	uint64_t doc;
};

static bool is_name(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] == 0x7f)
			return false;
	return length && length < size;
}

/* *out stays NULL if there is no valid name. */
static int read_name(char **out, const struct census *census, uint64_t address)
{
	char text[NAME_BYTES] = {};
	size_t size = sizeof(text);
	int err;

	/* A name may end right before memory that is not readable. */
	if (address % 4096 + size > 4096)
		size = 4096 - address % 4096;
	err = memory__read(census->memory, address, text, size);
	if (err)
		return err == -EFAULT ? 0 : err;
	if (!is_name(text, size))
		return 0;
	*out = strdup(text);
	return *out ? 0 : -ENOMEM;
}

/* Reads MEMBERS_AT_ONCE members. One that cannot be read gets no name, which ends the list. */
static int read_members(const struct memory *memory, uint64_t address, struct member *items)
{
	struct memory_range ranges[MEMBERS_AT_ONCE];
	int err;

	for (size_t i = 0; i < MEMBERS_AT_ONCE; i++)
		ranges[i] = (struct memory_range){.address = address + i * sizeof(*items),
						  .buffer = &items[i],
						  .size = sizeof(*items)};
	err = memory__read_ranges(memory, ranges, MEMBERS_AT_ONCE);
	for (size_t i = 0; i < MEMBERS_AT_ONCE; i++)
		if (ranges[i].failed)
			items[i].name = 0;
	return err;
}

/*
 * Calls @visit for each member at @members that is a reference, until @visit returns nonzero, and
 * returns that. Otherwise returns 0, also if the list cannot be read, or as memory__read().
 */
static int visit_references(const struct census *census, uint64_t members,
			    int (*visit)(const struct member *member, void *context), void *context)
{
	struct member items[MEMBERS_AT_ONCE];
	int result = 0;

	for (size_t i = 0; i < MEMBERS_MAX && !result; i++) {
		const struct member *member = &items[i % MEMBERS_AT_ONCE];
		int err = i % MEMBERS_AT_ONCE ? 0
					      : read_members(census->memory,
							     members + i * sizeof(*member), items);

		if (err)
			return err;
		if (!member->name)
			return 0;
		if (member->type == T_OBJECT || member->type == T_OBJECT_EX)
			result = visit(member, context);
	}
	return result;
}

struct search {
	uint32_t offset;
	uint64_t name; /* 0: not found */
};

static int find_offset(const struct member *member, void *context)
{
	struct search *search = context;

	if (member->offset != search->offset)
		return 0;
	search->name = member->name;
	return 1;
}

static int find_in(char **out, const struct census *census, uint64_t members, uint32_t offset)
{
	struct search search = {.offset = offset};
	int result = visit_references(census, members, find_offset, &search);

	if (result < 0)
		return result;
	return search.name ? read_name(out, census, search.name) : 0;
}

int members__name(char **out, const struct census *census, const struct type *type, uint32_t offset)
{
	int err = 0;

	*out = NULL;
	for (int i = 0; i < BASES_MAX && type && !*out && !err; i++) {
		if (type->members)
			err = find_in(out, census, type->members, offset);
		type = type_table__base(census->types, type);
	}
	return err;
}

static int count_one(const struct member *member, void *context)
{
	uint64_t *cnt = context;

	(void)member;
	(*cnt)++;
	return 0;
}

int members__are_all(const struct census *census, const struct type *type, uint32_t *room,
		     bool *are_all)
{
	uint64_t all = 0, size = type->basic_size;
	int err = 0;

	*are_all = false;
	for (int i = 0; i < BASES_MAX && type; i++) {
		const struct type *base = type_table__base(census->types, type);

		if (!(type->flags & TYPE_HEAPTYPE)) {
			*are_all = type->basic_size == PYOBJECT_BYTES &&
				   all * sizeof(uint64_t) + PYOBJECT_BYTES == size;
			return 0;
		}
		if (type->members && !*room)
			return 0;
		if (type->members) {
			--*room;
			err = visit_references(census, type->members, count_one, &all);
		}
		if (err)
			return err;
		type = base;
	}
	return 0;
}
