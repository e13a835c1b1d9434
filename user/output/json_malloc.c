// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_malloc.h"

#include "analysis/malloc_hints.h"
#include "output/json_values.h"

static json_t *pack_total(const struct chunk_total *total)
{
	return json_pack("{s:I, s:I}", "chunks", (json_int_t)total->cnt, "bytes",
			 (json_int_t)total->bytes);
}

static json_t *pack_use(const struct malloc_arena_use *use)
{
	return json_pack("{s:I, s:f, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o}", "heap_bytes",
			 (json_int_t)use->heap_bytes, "fragmentation",
			 malloc_arena_use__fragmentation(use), "in_use", pack_total(&use->in_use),
			 "free", pack_total(&use->free), "fastbins", pack_total(&use->fastbins),
			 "tcache", pack_total(&use->tcache), "top_bytes",
			 (json_int_t)use->top_bytes, "overhead_bytes",
			 (json_int_t)use->overhead_bytes, "lost_bytes", (json_int_t)use->lost_bytes,
			 "foreign_bytes", (json_int_t)use->foreign_bytes, "missing_bytes",
			 json_values__number(use->missing_bytes));
}

static json_t *pack_resident(bool is_known, uint64_t bytes)
{
	return is_known ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *pack_pins(const struct top_pins *pins, size_t arena)
{
	size_t cnt;
	const struct top_pin *items = top_pins__of_arena(pins, arena, &cnt);
	json_t *list = json_array();

	for (size_t i = 0; i < cnt; i++)
		json_values__append(
			&list,
			json_pack("{s:o, s:I, s:s, s:b, s:I, s:I, s:o, s:b, s:o}", "address",
				  json_values__address(items[i].block), "size",
				  (json_int_t)items[i].size, "state",
				  items[i].is_cached ? "tcache" : "in_use", "cached_when_freed",
				  items[i].may_be_cached, "top_bytes",
				  (json_int_t)items[i].top_bytes, "shrinks_bytes",
				  (json_int_t)items[i].shrink_bytes, "releases_bytes",
				  pack_resident(pins->knows_resident, items[i].released_bytes),
				  "below_trim_threshold", items[i].is_withheld, "withheld_bytes",
				  pack_resident(pins->knows_resident, items[i].withheld_bytes)));
	return list;
}

static json_t *pack_arena(const struct malloc_use_item *item, size_t number)
{
	const struct malloc_arena *state = &item->image->instance->arenas[number];
	const struct malloc_arena_use *use = &item->image->arenas[number];
	const struct arena_trim *trim = &item->trim->arenas[number];
	json_t *arena = pack_use(use);

	json_values__set(&arena, "address", json_values__address(state->address));
	json_values__set(&arena, "is_main", json_boolean(state->is_main));
	json_values__set(&arena, "threads", json_values__number(state->threads));
	json_values__set(&arena, "system_bytes", json_values__number(state->system_bytes));
	json_values__set(&arena, "longest_free_bytes",
			 json_integer((json_int_t)trim->longest_run_bytes));
	json_values__set(&arena, "free_resident_bytes",
			 pack_resident(item->trim->knows_resident, trim->chunk_bytes));
	json_values__set(&arena, "top_resident_bytes",
			 pack_resident(item->trim->knows_resident, trim->top_bytes));
	json_values__set(&arena, "pins", pack_pins(item->pins, number));
	return arena;
}

static json_t *pack_parameters(const struct malloc_parameters *parameters)
{
	if (!parameters->is_known)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "trim_threshold",
			 json_values__number(parameters->trim_threshold), "top_pad",
			 json_values__number(parameters->top_pad), "mmap_threshold",
			 json_values__number(parameters->mmap_threshold), "arenas_max",
			 json_values__number(parameters->arenas_max), "thresholds_fixed",
			 parameters->is_fixed, "mapped_chunks",
			 json_values__number(parameters->mapped_chunks), "mapped_bytes",
			 json_values__number(parameters->mapped_bytes));
}

/* Mapped chunks do not say which malloc they are of: they are reported with the first. */
static json_t *pack_mapped(const struct chunk_total *total, size_t number)
{
	static const struct chunk_total none;

	return pack_total(number ? &none : total);
}

static json_t *pack_class(const struct chunk_class *class)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o}", "largest", (json_int_t) class->largest,
			 "in_use", pack_total(&class->in_use), "free", pack_total(&class->free),
			 "tcache", pack_total(&class->tcache), "mapped",
			 pack_total(&class->mapped));
}

static json_t *pack_classes(const struct chunk_sizes *sizes)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sizes->class_cnt; i++)
		json_values__append(&list, pack_class(&sizes->classes[i]));
	return list;
}

static json_t *pack_standing_out(const struct chunk_sizes *sizes)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sizes->standing_out_cnt; i++)
		json_values__append(&list,
				    json_pack("{s:I, s:I, s:I}", "size",
					      (json_int_t)sizes->standing_out[i].size, "chunks",
					      (json_int_t)sizes->standing_out[i].in_use.cnt,
					      "bytes",
					      (json_int_t)sizes->standing_out[i].in_use.bytes));
	return list;
}

static json_t *pack_hints(const struct malloc_use_item *malloc, uint64_t resident_bytes)
{
	struct malloc_hints hints = malloc_hints__find(malloc, resident_bytes);
	json_t *list = json_array();

	for (size_t i = 0; i < hints.cnt; i++)
		json_values__append(&list, json_pack("{s:s, s:I, s:s}", "rule",
						     malloc_hint_rule_names[hints.items[i].rule],
						     "bytes", (json_int_t)hints.items[i].bytes,
						     "text", hints.items[i].text));
	return list;
}

static json_t *pack_malloc(const struct malloc_use *use, size_t number, uint64_t resident_bytes)
{
	const struct malloc_use_item *item = &use->items[number];
	const struct malloc_instance *instance = item->image->instance;
	json_t *malloc = pack_use(&item->total), *arenas = json_array();

	for (size_t i = 0; i < instance->arena_cnt; i++)
		json_values__append(&arenas, pack_arena(item, i));
	json_values__set(&malloc, "arenas", arenas);
	json_values__set(&malloc, "heaps", json_integer((json_int_t)instance->heaps.cnt));
	json_values__set(&malloc, "mapped", pack_mapped(&use->mapped, number));
	json_values__set(&malloc, "mapped_cached", pack_mapped(&use->mapped_cached, number));
	json_values__set(&malloc, "longest_free_bytes",
			 json_integer(
				 (json_int_t)malloc_trim__longest_run_bytes(item->trim,
									    instance->arena_cnt)));
	json_values__set(&malloc, "trim_releases_bytes",
			 pack_resident(item->trim->knows_resident,
				       malloc_trim__released_bytes(item->trim)));
	json_values__set(&malloc, "parameters", pack_parameters(&instance->parameters));
	json_values__set(&malloc, "sizes", pack_classes(item->sizes));
	json_values__set(&malloc, "sizes_standing_out", pack_standing_out(item->sizes));
	json_values__set(&malloc, "hints", pack_hints(item, resident_bytes));
	json_values__set(&malloc, "windows_retried",
			 json_integer((json_int_t)item->image->counts.retried_windows));
	json_values__set(&malloc, "windows_torn",
			 json_integer((json_int_t)item->image->counts.torn_windows));
	json_values__set(&malloc, "lists_torn", json_integer((json_int_t)item->image->torn_lists));
	json_values__set(&malloc, "arenas_damaged",
			 json_integer((json_int_t)instance->damaged_arenas));
	return malloc;
}

json_t *json_malloc__report(const struct malloc_use *use, uint64_t resident_bytes)
{
	json_t *mallocs = json_array();

	for (size_t i = 0; i < use->cnt; i++)
		json_values__append(&mallocs, pack_malloc(use, i, resident_bytes));
	return mallocs;
}
