// SPDX-License-Identifier: BSD-2-Clause
#include "report/json_census.h"

#include "report/json_values.h"

static json_t *pack_part(uint32_t kind)
{
	const char *part = census_kinds__part(kind);

	return part ? json_string(part) : json_null();
}

static json_t *pack_row(const struct census *census, const struct census_row *row)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:I, s:I, s:I}", "role",
			 census_kinds__role(row->kind), "type",
			 json_values__text(census_kinds__type(census, row->kind)), "part",
			 pack_part(row->kind), "block_size",
			 row->block_size ? json_integer(row->block_size) : json_null(), "blocks",
			 (json_int_t)row->blocks, "bytes", (json_int_t)row->bytes, "tracked_blocks",
			 (json_int_t)row->tracked_blocks);
}

json_t *json_census__report(const struct census_report *report)
{
	json_t *rows;

	if (!report)
		return json_null();
	rows = json_array();
	for (size_t i = 0; i < report->rows.cnt && i < report->top; i++)
		json_values__append(&rows, pack_row(report->census, &report->rows.rows[i]));
	return json_pack("{s:s, s:I, s:I, s:I, s:o}", "by", census_by_names[report->by], "blocks",
			 (json_int_t)report->rows.blocks, "bytes", (json_int_t)report->rows.bytes,
			 "unreadable_blocks", (json_int_t)report->census->unreadable_blocks, "rows",
			 rows);
}

json_t *json_census__block(const struct census *census, uint64_t address)
{
	uint32_t kind = census__kind_at(census, address);

	return json_pack("{s:s, s:o, s:o}", "role", census_kinds__role(kind), "type",
			 json_values__text(census_kinds__type(census, kind)), "part",
			 pack_part(kind));
}
