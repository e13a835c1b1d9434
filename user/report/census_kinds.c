// SPDX-License-Identifier: BSD-2-Clause
#include "report/census_kinds.h"

#include <stdio.h>

const char *const census_by_names[CENSUS_BY_CNT] = {
	[BY_TYPE] = "type",
	[BY_OWNER] = "owner",
};

const char *census_kinds__role(uint32_t kind)
{
	static const char *const names[BLOCK_ROLE_CNT] = {
		[BLOCK_FREE] = "free",	   [BLOCK_UNKNOWN] = "unknown", [BLOCK_OBJECT] = "object",
		[BLOCK_PARKED] = "parked", [BLOCK_BUFFER] = "buffer",
	};

	return names[block_kind__role(kind)];
}

const char *census_kinds__part(uint32_t kind)
{
	static const char *const names[BLOCK_PART_CNT] = {
		[PART_NONE] = "buffer",
		[PART_ITEMS] = "items",
		[PART_KEYS] = "keys",
		[PART_VALUES] = "values",
		[PART_TABLE] = "table",
		[PART_DICT] = "dict",
		[PART_DICT_KEYS] = "dict keys",
		[PART_DICT_VALUES] = "dict values",
		[PART_DICT_TABLE] = "dict table",
	};

	if (block_kind__role(kind) == BLOCK_BUFFER || block_kind__part(kind) != PART_NONE)
		return names[block_kind__part(kind)];
	return NULL;
}

const char *census_kinds__type(const struct census *census, uint32_t kind)
{
	if (block_kind__role(kind) <= BLOCK_UNKNOWN)
		return NULL;
	return type_table__at(census->types, block_kind__type(kind))->name;
}

void census_kinds__describe(const struct census *census, uint32_t kind, char *text, size_t size)
{
	const char *type = census_kinds__type(census, kind);

	switch (block_kind__role(kind)) {
	case BLOCK_OBJECT:
		snprintf(text, size, "%s%s", block_kind__part(kind) == PART_DICT ? "dict of " : "",
			 type);
		break;
	case BLOCK_PARKED:
		snprintf(text, size, "parked %s", type);
		break;
	case BLOCK_BUFFER:
		snprintf(text, size, "%s of %s", census_kinds__part(kind), type);
		break;
	default:
		snprintf(text, size, "%s", census_kinds__role(kind));
	}
}
