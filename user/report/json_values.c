// SPDX-License-Identifier: BSD-2-Clause
#include "report/json_values.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/text.h"

json_t *json_values__text(const char *text)
{
	_cleanup_free_ char *utf8 = NULL;

	if (!text)
		return json_null();
	utf8 = text__to_safe_utf8(text);
	return utf8 ? json_string(utf8) : NULL;
}

void json_values__append(json_t **array, json_t *item)
{
	if (*array && json_array_append_new(*array, item)) {
		json_decref(*array);
		*array = NULL;
	} else if (!*array) {
		json_decref(item);
	}
}

json_t *json_values__address(uint64_t address)
{
	return json_sprintf("0x%" PRIx64, address);
}

void json_values__set(json_t **object, const char *key, json_t *value)
{
	if (!json_object_set_new(*object, key, value))
		return;
	json_decref(*object);
	*object = NULL;
}

json_t *json_values__site_id(uint32_t site)
{
	return site == STACK_UNKNOWN ? json_null() : json_integer(site);
}

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

json_t *json_values__site_ranking(const struct site_ranking *ranking)
{
	json_t *list;

	if (!ranking)
		return json_null();
	list = json_array();
	for (size_t i = 0; i < ranking->cnt; i++)
		json_values__append(&list, pack_site(&ranking->items[i]));
	return json_pack("{s:I, s:b, s:o, s:I, s:o}", "sample_bytes",
			 (json_int_t)ranking->sample_bytes, "blocks_known", ranking->keeps_blocks,
			 "list", list, "omitted", (json_int_t)ranking->omitted_cnt, "unknown",
			 pack_totals(&ranking->unknown));
}
