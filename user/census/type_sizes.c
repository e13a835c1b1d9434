// SPDX-License-Identifier: BSD-2-Clause
#include "census/type_sizes.h"

#include <stddef.h>
#include <string.h>

#include "census/type.h"
#include "util/checked.h"
#include "util/cleanup.h"

#define PYOBJECT_BYTES	 16
#define VAR_OBJECT_BYTES 24 /* PyVarObject */
/*
 * A negative offset counts from the end of a variable-sized object, or refers to the words in front
 * of an object (3.11 and later, at most four).
 */
#define BEFORE_OBJECT_BYTES 64

/*
 * How many bytes are read of each object of a kind, in the layout of that kind. No version has
 * shorter objects.
 */
static const struct {
	uint64_t flag;
	int64_t bytes;
} by_flag[] = {
	{TYPE_LONG_SUBCLASS, VAR_OBJECT_BYTES},
	{TYPE_LIST_SUBCLASS, 32},
	{TYPE_TUPLE_SUBCLASS, VAR_OBJECT_BYTES},
	{TYPE_BYTES_SUBCLASS, VAR_OBJECT_BYTES},
	{TYPE_UNICODE_SUBCLASS, 40},
	{TYPE_DICT_SUBCLASS, 48},
	{TYPE_TYPE_SUBCLASS, 368},
};

static const struct {
	const char *name;
	int64_t bytes;
} by_name[] = {
	{"set", 48},
	{"frozenset", 48},
	{"collections.deque", 56},
	{"frame", 64},
	{"generator", 32},
	{"coroutine", 32},
	{"async_generator", 32},
	{"float", VAR_OBJECT_BYTES},
	{"code", 64},
	{"cell", VAR_OBJECT_BYTES},
	{"module", VAR_OBJECT_BYTES},
	{"function", 48},
};

static bool is_offset(int64_t offset, int64_t basic_size)
{
	if (offset <= 0)
		return offset >= -(basic_size + BEFORE_OBJECT_BYTES);
	return signed_part_is_within(offset, sizeof(uint64_t), (uint64_t)basic_size);
}

/* A class made in Python may have the name of a built-in type. */
static bool is_long_enough(const struct type_sizes *sizes)
{
	bool is_built_in = !(sizes->flags & TYPE_HEAPTYPE);

	for (size_t i = 0; i < ARRAY_SIZE(by_flag); i++)
		if (sizes->flags & by_flag[i].flag && sizes->basic_size < by_flag[i].bytes)
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(by_name) && is_built_in; i++)
		if (!strcmp(sizes->name, by_name[i].name) && sizes->basic_size < by_name[i].bytes)
			return false;
	return true;
}

bool type_sizes__are_plausible(const struct type_sizes *sizes)
{
	return sizes->basic_size >= PYOBJECT_BYTES && sizes->basic_size <= TYPE_SIZE_MAX &&
	       sizes->item_size >= -TYPE_SIZE_MAX && sizes->item_size <= TYPE_SIZE_MAX &&
	       is_offset(sizes->weak_offset, sizes->basic_size) &&
	       is_offset(sizes->dict_offset, sizes->basic_size) && is_long_enough(sizes);
}
