// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_census.h"

#include "output/json_values.h"

#define ITEM_BYTES 512

static json_t *pack_part(uint32_t kind)
{
	const char *part = census_kinds__part(kind);

	return part ? json_string(part) : json_null();
}

json_t *json_census__kind(const struct census *census, uint32_t kind)
{
	return json_pack("{s:s, s:o, s:o}", "role", census_kinds__role(kind), "type",
			 json_values__text(census_kinds__type(census, kind)), "part",
			 pack_part(kind));
}

static json_t *pack_set(const struct census_report *report, const struct census_row *row)
{
	json_t *items = json_array();
	char text[ITEM_BYTES];

	for (uint32_t i = 0; i < report->referrers.sets[row->set].cnt; i++) {
		census_kinds__describe_item(report, row, i, text, sizeof(text));
		json_values__append(&items, json_values__text(text));
	}
	return items;
}

/* null: blocks of several sizes. */
static json_t *pack_block_size(const struct census_row *row)
{
	return row->block_size ? json_integer(row->block_size) : json_null();
}

/* The key of a row's subject depends on how rows are grouped. */
static json_t *pack_row(const struct census_report *report, const struct census_row *row)
{
	json_t *packed = json_pack("{s:I, s:I, s:I}", "blocks", (json_int_t)row->blocks, "bytes",
				   (json_int_t)row->bytes, "tracked_blocks",
				   (json_int_t)row->tracked_blocks);
	json_t *what;

	switch (report->by) {
	case BY_SIZE:
		what = json_pack("{s:o}", "block_size", pack_block_size(row));
		break;
	case BY_ARENA:
		what = json_pack("{s:o}", "arena", json_values__address(row->arena));
		break;
	case BY_REFERRERS:
	case BY_VIA:
		what = json_pack("{s:o}", census_by_names[report->by], pack_set(report, row));
		break;
	default:
		what = json_census__kind(report->census, row->kind);
		json_values__set(&what, "block_size", pack_block_size(row));
	}
	if (!packed || !what || json_object_update(packed, what)) {
		json_decref(packed);
		packed = NULL;
	}
	json_decref(what);
	return packed;
}

void json_census__write(struct json_stream *stream, const struct census_report *report)
{
	json_stream__begin_object(stream, "census");
	json_stream__put_members(stream,
				 json_pack("{s:s, s:o, s:I, s:I, s:I, s:I}", "by",
					   census_by_names[report->by], "since",
					   json_values__text(report->since), "hidden_blocks",
					   (json_int_t)report->hidden_blocks, "blocks",
					   (json_int_t)report->rows.blocks, "bytes",
					   (json_int_t)report->rows.bytes, "unreadable_blocks",
					   (json_int_t)report->census->unreadable_blocks));
	json_stream__begin_array(stream, "rows");
	for (size_t i = 0; i < report->rows.cnt && i < report->top; i++)
		json_stream__put(stream, NULL, pack_row(report, &report->rows.rows[i]));
	json_stream__end_array(stream);
	json_stream__end_object(stream);
}

json_t *json_census__block(const struct census *census, uint64_t address)
{
	return json_census__kind(census, census__kind_at(census, address));
}
