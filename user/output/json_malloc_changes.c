// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_malloc_changes.h"

#include "output/json_values.h"

static const char *const figure_names[MALLOC_FIGURE_CNT] = {
	[MALLOC_IN_USE] = "in_use_bytes",
	[MALLOC_FREE] = "free_bytes",
	[MALLOC_TRIMMABLE] = "trimmable_bytes",
	[MALLOC_PINNED] = "pinned_bytes",
	[MALLOC_LOST] = "lost_bytes",
	[MALLOC_ARENAS] = "arenas",
	[MALLOC_ARENAS_DAMAGED] = "arenas_damaged",
};

static json_t *pack_figures(const uint64_t *figures, int cnt)
{
	json_t *packed = json_object();

	for (int i = 0; i < cnt; i++)
		json_values__set(&packed, figure_names[i],
				 figures[i] == FIGURE_UNKNOWN
					 ? json_null()
					 : json_integer((json_int_t)figures[i]));
	return packed;
}

static json_t *pack_change(const uint64_t *was, const uint64_t *now, int cnt)
{
	json_t *packed = json_object();

	for (int i = 0; i < cnt; i++) {
		int64_t change;
		bool is_known = malloc_figure__change(was, now, (enum malloc_figure)i, &change);

		json_values__set(&packed, figure_names[i],
				 is_known ? json_integer(change) : json_null());
	}
	return packed;
}

static json_t *pack_pin(const struct top_pin *pin)
{
	if (!pin->block)
		return json_null();
	return json_pack("{s:o, s:I, s:s}", "address", json_values__address(pin->block), "size",
			 (json_int_t)pin->size, "state", pin->is_cached ? "tcache" : "in_use");
}

static json_t *pack_arena(const struct arena_change *change)
{
	static const uint64_t nothing[ARENA_FIGURE_CNT];
	const struct arena_record *was = change->was, *now = change->now;

	return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "address",
			 json_values__address(now->address), "is_main", now->is_main, "threads",
			 json_values__number(now->threads), "thread",
			 now->thread ? json_integer(now->thread) : json_null(), "thread_name",
			 json_values__text(now->thread ? now->thread_name : NULL), "was",
			 was ? pack_figures(was->figures, ARENA_FIGURE_CNT) : json_null(), "change",
			 pack_change(was ? was->figures : nothing, now->figures, ARENA_FIGURE_CNT),
			 "pin", pack_pin(&now->pin));
}

static json_t *pack_since(const struct malloc_changes *changes, const struct malloc_record *was)
{
	struct malloc_change change;
	json_t *arenas;

	if (!was->read_ns)
		return json_null();
	malloc_change__find(&change, was, &changes->now);
	arenas = json_array();
	for (size_t i = 0; i < change.arena_cnt; i++)
		json_values__append(&arenas, pack_arena(&change.arenas[i]));
	return json_pack("{s:f, s:o, s:o, s:I, s:I, s:I, s:o}", "at_s",
			 malloc_changes__seconds(changes, was), "was",
			 pack_figures(was->figures, MALLOC_FIGURE_CNT), "change",
			 pack_change(was->figures, changes->now.figures, MALLOC_FIGURE_CNT),
			 "new_arenas", (json_int_t)change.new_arenas, "gone_arenas",
			 (json_int_t)change.gone_arenas, "changed_arenas",
			 (json_int_t)change.changed_arenas, "arenas", arenas);
}

json_t *json_malloc_changes__report(const struct malloc_changes *changes)
{
	return json_pack("{s:o, s:o}", "since_start", pack_since(changes, &changes->first),
			 "since_report", pack_since(changes, &changes->before));
}
