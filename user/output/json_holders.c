// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_holders.h"

#include "output/json_census.h"
#include "output/json_values.h"

static json_t *pack_counts(const struct pin_row *row)
{
	return json_pack("{s:I, s:I, s:f}", "blocks", (json_int_t)row->blocks, "bytes",
			 (json_int_t)row->bytes, "hostage_bytes", row->hostage_bytes);
}

static void write_kinds(struct json_stream *stream, const struct census *census,
			const struct pin_ranking *ranking)
{
	json_stream__begin_array(stream, "by_kind");
	for (size_t i = 0; i < ranking->cnt; i++) {
		json_t *row = pack_counts(&ranking->rows[i]);

		json_values__set(&row, "what", json_census__kind(census, ranking->rows[i].kind));
		json_stream__put(stream, NULL, row);
	}
	json_stream__end_array(stream);
}

static void write_paths(struct json_stream *stream, const struct pin_ranking *ranking)
{
	json_stream__begin_array(stream, "by_path");
	for (size_t i = 0; i < ranking->cnt; i++) {
		json_t *row = pack_counts(&ranking->rows[i]);

		json_values__set(&row, "path", json_values__text(ranking->rows[i].path));
		json_values__set(&row, "on_free_list",
				 json_boolean(ranking->rows[i].is_free_listed));
		json_stream__put(stream, NULL, row);
	}
	json_stream__end_array(stream);
}

void json_holders__write(struct json_stream *stream, const struct census *census,
			 const struct pin_holders *holders)
{
	json_stream__begin_object(stream, "holders");
	write_kinds(stream, census, &holders->by_kind);
	write_paths(stream, &holders->by_path);
	json_stream__put(stream, "unseen_blocks", json_integer((json_int_t)holders->unseen_blocks));
	json_stream__end_object(stream);
}

json_t *json_holders__advices(const struct advices *advices)
{
	json_t *items = json_array();

	for (size_t i = 0; i < advices->cnt; i++)
		json_values__append(&items,
				    json_pack("{s:s, s:o}", "rule",
					      advice_rule_names[advices->items[i].rule], "text",
					      json_values__text(advices->items[i].text)));
	return items;
}

static json_t *pack_root(const struct pin_story *story)
{
	if (!story->root_name)
		return json_null();
	return json_pack("{s:s, s:o}", "kind", root_kind_names[story->root_kind], "name",
			 json_values__text(story->root_name));
}

void json_holders__add_story(json_t **block, const struct pin_holders *holders, size_t index)
{
	const struct pin_story *story = &holders->stories[index];

	json_values__set(block, "value", json_values__text(story->value));
	json_values__set(block, "items",
			 story->has_items ? json_integer((json_int_t)story->items) : json_null());
	json_values__set(block, "path", json_values__text(story->path));
	json_values__set(block, "root", pack_root(story));
}

static json_t *pack_block(const struct census *census, const struct arena_report *arena,
			  size_t index)
{
	const struct pinned_block *block = &arena->pinned.blocks[index];
	json_t *packed =
		json_pack("{s:o, s:I, s:o}", "address", json_values__address(block->address),
			  "size", (json_int_t)block->size, "what",
			  json_census__block(census, block->address));

	json_holders__add_story(&packed, &arena->holders, index);
	return packed;
}

void json_holders__write_arena(struct json_stream *stream, const struct census *census,
			       const struct arena_report *arena)
{
	const struct pinned_region *only = arena->pinned.regions;

	json_stream__begin_object(stream, "arena");
	json_stream__put_members(stream, json_pack("{s:o, s:i, s:I, s:f}", "address",
						   json_values__address(only->address),
						   "live_blocks", only->live_blocks, "live_bytes",
						   (json_int_t)only->live_bytes, "occupancy",
						   only->occupancy));
	json_stream__begin_array(stream, "blocks");
	for (size_t i = 0; i < arena->pinned.block_cnt; i++)
		json_stream__put(stream, NULL, pack_block(census, arena, i));
	json_stream__end_array(stream);
	json_holders__write(stream, census, &arena->holders);
	json_stream__end_object(stream);
}
