// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_sites.h"

#include <math.h>

#include "output/json_values.h"

static json_t *pack_frames(const struct stack *stack)
{
	json_t *frames = json_array();

	for (uint32_t i = 0; i < stack->frame_cnt; i++) {
		const struct stack_frame *frame = &stack->frames[i];

		json_values__append(&frames, json_pack("{s:o, s:o, s:o}", "function",
						       json_values__text(frame->function), "file",
						       json_values__text(frame->file), "line",
						       frame->line > 0 ? json_integer(frame->line)
								       : json_null()));
	}
	return frames;
}

static json_t *pack_growth(uint64_t pools, uint64_t arenas)
{
	return json_pack("{s:I, s:I}", "pools_taken", (json_int_t)pools, "arenas_taken",
			 (json_int_t)arenas);
}

static json_t *pack_totals(const struct site_totals *totals)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "hostage_bytes",
			 (json_int_t)llround(totals->hostage_bytes), "pinning_blocks",
			 (json_int_t)llround(totals->pinning_blocks), "pool_hostage_bytes",
			 (json_int_t)llround(totals->pool_hostage_bytes), "live_bytes",
			 (json_int_t)llround(totals->live_bytes), "live_bytes_error",
			 (json_int_t)llround(site_totals__error_bytes(totals)), "live_blocks",
			 (json_int_t)llround(totals->live_blocks), "pools_held",
			 (json_int_t)totals->pools_held, "pools_taken",
			 (json_int_t)totals->pools_taken, "arenas_taken",
			 (json_int_t)totals->arenas_taken, "interval",
			 pack_growth(totals->interval_pools_taken, totals->interval_arenas_taken));
}

static json_t *pack_site(const struct ranked_site *site)
{
	json_t *out = pack_totals(&site->totals);

	json_values__set(&out, "id", json_integer(site->id));
	json_values__set(&out, "truncated", json_boolean(site->stack.truncated));
	json_values__set(&out, "frames", pack_frames(&site->stack));
	return out;
}

void json_sites__write(struct json_stream *stream, const struct site_ranking *ranking)
{
	if (!ranking) {
		json_stream__put(stream, "sites", json_null());
		return;
	}
	json_stream__begin_object(stream, "sites");
	json_stream__put_members(stream, json_pack("{s:I, s:b}", "sample_bytes",
						   (json_int_t)ranking->sample_bytes,
						   "blocks_known", ranking->keeps_blocks));
	json_stream__begin_array(stream, "list");
	for (size_t i = 0; i < ranking->cnt; i++)
		json_stream__put(stream, NULL, pack_site(&ranking->items[i]));
	json_stream__end_array(stream);
	json_stream__put(stream, "omitted", json_integer((json_int_t)ranking->omitted_cnt));
	json_stream__put(stream, "unknown", pack_totals(&ranking->unknown));
	json_stream__end_object(stream);
}
