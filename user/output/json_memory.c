// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_memory.h"

#include "output/json_census.h"
#include "output/json_values.h"

json_t *json_memory__share(const struct memory_share *share)
{
	return json_pack("{s:I, s:I}", "mapped_bytes", (json_int_t)share->mapped_bytes,
			 "resident_bytes", (json_int_t)share->resident_bytes);
}

json_t *json_memory__report(const struct memory_use *use, double age_s)
{
	json_t *report = json_memory__share(&use->all);

	json_values__set(&report, "age_s", json_real(age_s));
	for (int part = 0; part < MEMORY_PART_CNT; part++)
		json_values__set(&report, memory_part_names[part],
				 json_memory__share(&use->parts[part]));
	return report;
}

json_t *json_memory__outside(const struct census *census, const struct outside_objects *objects,
			     uint64_t in_use_bytes)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < objects->row_cnt; i++) {
		const struct outside_row *row = &objects->rows[i];

		json_values__append(&rows, json_pack("{s:o, s:I, s:I}", "what",
						     json_census__kind(census, row->kind),
						     "allocations", (json_int_t)row->cnt, "bytes",
						     (json_int_t)row->bytes));
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "allocations", (json_int_t)objects->cnt,
			 "bytes", (json_int_t)objects->bytes, "chunk_bytes",
			 (json_int_t)objects->chunk_bytes, "rest_bytes",
			 (json_int_t)outside_objects__rest(objects, in_use_bytes), "rows", rows);
}
