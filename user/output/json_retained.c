// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_retained.h"

#include "output/json_values.h"

static json_t *pack_sum(const struct group_sum *sum)
{
	return json_pack("{s:I, s:I, s:I}", "objects", (json_int_t)sum->cnt, "bytes",
			 (json_int_t)sum->bytes, "outside_bytes", (json_int_t)sum->outside_bytes);
}

static json_t *pack_total(const struct retained_sum *sum)
{
	return json_pack("{s:I, s:I}", "objects", (json_int_t)sum->cnt, "bytes",
			 (json_int_t)sum->bytes);
}

static json_t *pack_holders(const struct retained_row *row)
{
	json_t *holders = json_array();

	for (uint32_t i = 0; i < row->holder_cnt; i++)
		json_values__append(&holders, json_values__text(row->holders[i]));
	return holders;
}

static json_t *pack_type(const struct census *census, uint32_t type)
{
	return json_values__text(type == TYPE_NONE ? NULL
						   : type_table__at(census->types, type)->name);
}

static json_t *pack_group(const struct census *census, const struct retained_row *row)
{
	return json_pack("{s:o, s:i, s:o, s:o, s:I, s:o, s:b, s:b, s:b, s:o, s:b, s:o}", "path",
			 json_values__text(row->path), "depth", (int)row->depth, "retained",
			 pack_sum(&row->retained), "own", pack_sum(&row->own), "count",
			 (json_int_t)row->member_cnt, "type", pack_type(census, row->type),
			 "is_repeated", row->is_repeated, "is_passed", row->is_passed, "is_shared",
			 row->is_shared, "holders", pack_holders(row), "has_more_holders",
			 row->has_more_holders, "possible_holder",
			 json_values__text(row->possible_holder));
}

static json_t *pack_others(const struct retained_row *row)
{
	return json_pack("{s:n, s:i, s:o, s:I}", "path", "depth", (int)row->depth, "retained",
			 pack_sum(&row->retained), "others", (json_int_t)row->group_cnt);
}

void json_retained__write(struct json_stream *stream, const struct census *census,
			  const struct retained_tree *tree)
{
	json_stream__begin_object(stream, "retained");
	json_stream__put(stream, "total", pack_total(&tree->total));
	json_stream__put(stream, "unreached", pack_total(&tree->unreached));
	json_stream__put(stream, "free_listed", pack_total(&tree->free_listed));
	json_stream__put(stream, "unowned_bytes", json_integer((json_int_t)tree->unowned_bytes));
	json_stream__begin_array(stream, "rows");
	for (size_t i = 0; i < tree->cnt; i++)
		json_stream__put(stream, NULL,
				 tree->rows[i].path ? pack_group(census, &tree->rows[i])
						    : pack_others(&tree->rows[i]));
	json_stream__end_array(stream);
	json_stream__end_object(stream);
}
