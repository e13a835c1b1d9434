// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_object.h"

#include "output/json_census.h"
#include "output/json_values.h"

static json_t *pack_relations(const struct census *census, const struct relations *relations)
{
	uint64_t all = relations->cnt + relations->omitted_cnt;
	json_t *items = json_array();

	for (size_t i = 0; i < relations->cnt; i++) {
		const struct relation *relation = &relations->items[i];

		json_values__append(&items,
				    json_pack("{s:o, s:o, s:o, s:o}", "address",
					      json_values__address(relation->address), "via",
					      json_values__text(relation->via), "what",
					      json_census__kind(census, relation->kind), "value",
					      json_values__text(relation->value)));
	}
	return json_pack("{s:I, s:o}", "cnt", (json_int_t)all, "list", items);
}

/* null: the address is not in a chunk of malloc. */
static json_t *pack_chunk(const struct census *census, const struct object_report *report)
{
	static const char *const states[] = {
		[CHUNK_IN_USE] = "in_use",
		[CHUNK_FREE] = "free",
		[CHUNK_IN_FASTBIN] = "fastbin",
		[CHUNK_IN_TCACHE] = "tcache",
	};
	const struct known_chunk *chunk = &report->chunk;

	if (!chunk->size)
		return json_null();
	return json_pack("{s:o, s:I, s:s, s:b, s:o}", "address", json_values__address(chunk->block),
			 "size", (json_int_t)chunk->size, "state", states[chunk->state],
			 "is_mapped", chunk->is_mapped, "what",
			 json_census__kind(census, report->chunk_kind));
}

json_t *json_object__report(const struct census *census, const struct object_report *report)
{
	return json_pack(
		"{s:o, s:o, s:I, s:o, s:o, s:o, s:b, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:o}",
		"address", json_values__address(report->address), "block",
		report->block_size ? json_values__address(report->block) : json_null(),
		"block_size", (json_int_t)report->block_size, "what",
		json_census__kind(census, report->kind), "value", json_values__text(report->value),
		"path", json_values__text(report->path), "is_root", report->is_root, "referrers",
		pack_relations(census, &report->referrers), "referents",
		pack_relations(census, &report->referents), "dominated_blocks",
		(json_int_t)report->dominated_blocks, "dominated_bytes",
		(json_int_t)report->dominated_bytes, "dominated_outside",
		(json_int_t)report->dominated_outside, "dominated_buffers",
		(json_int_t)report->dominated_buffers, "dominated_outside_bytes",
		(json_int_t)report->dominated_outside_bytes, "freed_arenas",
		(json_int_t)report->freed_arenas, "freed_bytes", (json_int_t)report->freed_bytes,
		"chunk", pack_chunk(census, report));
}
