// SPDX-License-Identifier: BSD-2-Clause
#include "census/members.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

#define BASES_MAX      64
#define PYOBJECT_BYTES 16
#define MEMBERS_MAX    256
#define NAME_BYTES     128
#define T_OBJECT       6
#define T_OBJECT_EX    16

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

/* *out stays NULL if what is there is no name. */
static int read_name(char **out, const struct census *census, uint64_t address)
{
	char text[NAME_BYTES] = {};
	size_t size = sizeof(text);
	int err;

	/* It may end right before the end of what is readable. */
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

static int find_in(char **out, const struct census *census, uint64_t members, uint32_t offset)
{
	for (int i = 0; i < MEMBERS_MAX; i++) {
		struct member member;
		int err = memory__read(census->memory, members + i * sizeof(member), &member,
				       sizeof(member));

		if (err)
			return err == -EFAULT ? 0 : err;
		if (!member.name)
			return 0;
		if (member.offset == offset &&
		    (member.type == T_OBJECT || member.type == T_OBJECT_EX))
			return read_name(out, census, member.name);
	}
	return 0;
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

/* How many references there are at @members. */
static int count_references(const struct census *census, uint64_t members, uint64_t *cnt)
{
	*cnt = 0;
	for (int i = 0; i < MEMBERS_MAX; i++) {
		struct member member;
		int err = memory__read(census->memory, members + i * sizeof(member), &member,
				       sizeof(member));

		if (err)
			return err == -EFAULT ? 0 : err;
		if (!member.name)
			return 0;
		*cnt += member.type == T_OBJECT || member.type == T_OBJECT_EX;
	}
	return 0;
}

int members__are_all(const struct census *census, const struct type *type, bool *are_all)
{
	uint64_t all = 0, cnt, size = type->basic_size;
	int err = 0;

	*are_all = false;
	for (int i = 0; i < BASES_MAX && type; i++) {
		const struct type *base = type_table__base(census->types, type);

		if (!(type->flags & TYPE_HEAPTYPE)) {
			*are_all = type->basic_size == PYOBJECT_BYTES &&
				   all * sizeof(uint64_t) + PYOBJECT_BYTES == size;
			return 0;
		}
		if (type->members)
			err = count_references(census, type->members, &cnt);
		if (err)
			return err;
		all += type->members ? cnt : 0;
		type = base;
	}
	return 0;
}
