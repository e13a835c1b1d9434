// SPDX-License-Identifier: BSD-2-Clause
#include "census/own_dict.h"

bool own_dict__is(const struct graph *graph, uint32_t from, uint32_t to, uint64_t offset)
{
	const struct type_table *types = graph->census->types;
	uint32_t of_from = graph__type(graph, from), of_to = graph__type(graph, to);
	const struct type *type;

	if (of_from == TYPE_NONE || of_to == TYPE_NONE ||
	    !type__is_built_in(type_table__at(types, of_to), "dict"))
		return false;
	type = type_table__at(types, of_from);
	return type__is_built_in(type, "module") || type__is_built_in(type, "instance") ||
	       type__is_built_in(type, "classobj") ||
	       (type->flags & TYPE_TYPE_SUBCLASS && offset == TYPE_DICT_OFFSET);
}
