// SPDX-License-Identifier: BSD-2-Clause
/*
 * The report as one line of JSON. Lists whose length depends on the target are written item by
 * item. json_pack() takes ownership of its arguments ("o"), even on failure, and returns NULL if
 * one of them is NULL, so an allocation that failed anywhere is noticed once, at the end.
 */
#include "output/report.h"

#include <errno.h>
#include <jansson.h>

#include "analysis/memory_map.h"
#include "output/json_census.h"
#include "output/json_holders.h"
#include "output/json_malloc.h"
#include "output/json_malloc_changes.h"
#include "output/json_malloc_map.h"
#include "output/json_memory.h"
#include "output/json_object.h"
#include "output/json_other_mallocs.h"
#include "output/json_retained.h"
#include "output/json_sites.h"
#include "output/json_stream.h"
#include "output/json_values.h"
#include "output/report_writers.h"
#include "output/rows.h"

static json_t *pack_time(const struct timespec *time)
{
	struct tm utc;
	char text[32];

	gmtime_r(&time->tv_sec, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	return json_sprintf("%s.%03ldZ", text, time->tv_nsec / 1000000);
}

static json_t *pack_process(const struct report *report)
{
	const struct target *target = report->target;
	json_t *cmdline = json_array();

	for (char **arg = target->cmdline; *arg && !report->no_values; arg++)
		json_values__append(&cmdline, json_values__text(*arg));
	return json_pack("{s:i, s:o, s:o, s:o, s:o}", "pid", target->pid, "comm",
			 json_values__text(target->comm), "cmdline", cmdline, "exe",
			 json_values__text(target->exe), "cgroup",
			 json_values__text(target->cgroup));
}

static json_t *pack_if(bool is_known, uint64_t cnt)
{
	return is_known ? json_integer((json_int_t)cnt) : json_null();
}

static json_t *pack_python(const struct report *report)
{
	const struct heap_layout *layout = &report->findings->layout;
	bool has_arenas = report->findings->has_arenas;

	return json_pack("{s:s, s:s, s:o, s:o, s:i}", "version", report->python->version,
			 "allocator", report->allocator, "arena_size",
			 pack_if(has_arenas, layout->region_size), "pool_size",
			 pack_if(has_arenas, layout->span_size), "alignment",
			 (int)layout->map.alignment);
}

static json_t *pack_known(uint64_t bytes)
{
	return pack_if(bytes != RESIDENT_UNKNOWN, bytes);
}

static json_t *pack_heap(const struct report *report)
{
	const struct heap_totals *totals = &report->findings->measure.totals;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:b}", "arenas",
			 (json_int_t)totals->regions, "arena_bytes",
			 (json_int_t)totals->region_bytes, "live_blocks",
			 (json_int_t)totals->live_blocks, "live_bytes",
			 (json_int_t)totals->live_bytes, "free_block_bytes",
			 (json_int_t)totals->free_block_bytes, "free_pool_bytes",
			 (json_int_t)totals->free_span_bytes, "overhead_bytes",
			 (json_int_t)totals->overhead_bytes, "unread_pools",
			 (json_int_t)totals->unread_spans, "unread_bytes",
			 (json_int_t)totals->unread_bytes, "resident_bytes",
			 pack_known(report->findings->resident_bytes), "resident_is_upper_bound",
			 report->findings->resident_is_upper_bound);
}

static json_t *pack_size_classes(const struct heap_measure *measure)
{
	json_t *classes = json_array();

	for (uint32_t i = 0; i < measure->class_cnt; i++) {
		const struct size_class_totals *class = &measure->classes[i];

		if (!class->spans)
			continue;
		json_values__append(&classes,
				    json_pack("{s:I, s:I, s:I, s:I}", "block_size",
					      (json_int_t) class->block_size, "pools",
					      (json_int_t) class->spans, "live_blocks",
					      (json_int_t) class->live_blocks, "free_blocks",
					      (json_int_t) class->free_blocks));
	}
	return classes;
}

/* Adds the block's contents and sites if they are known. */
static json_t *pack_block(const struct report *report, size_t index)
{
	const struct pinned_block *block = &report->findings->pinned.blocks[index];
	json_t *packed = json_pack("{s:o, s:I}", "address", json_values__address(block->address),
				   "size", (json_int_t)block->size);

	if (report->census)
		json_values__set(&packed, "what",
				 json_census__block(report->census->census, block->address));
	if (report->holders)
		json_holders__add_story(&packed, report->holders, index);
	if (report->sites) {
		json_values__set(&packed, "site",
				 json_values__site_id(report->sites->block_sites[index]));
		json_values__set(&packed, "pool_site",
				 json_values__site_id(report->sites->pool_sites[index]));
	}
	return packed;
}

static void write_pinned_arena(struct json_stream *stream, const struct report *report,
			       const struct pinned_region *arena, bool resident_known)
{
	uint64_t resident_bytes = resident_known ? arena->resident_bytes : RESIDENT_UNKNOWN;

	json_stream__begin_object(stream, NULL);
	json_stream__put_members(stream, json_pack("{s:o, s:i, s:I, s:f, s:o, s:f}", "address",
						   json_values__address(arena->address),
						   "live_blocks", arena->live_blocks, "live_bytes",
						   (json_int_t)arena->live_bytes, "occupancy",
						   arena->occupancy, "resident_bytes",
						   pack_known(resident_bytes), "pinned_for_s",
						   arena->pinned_for_s));
	json_stream__begin_array(stream, "blocks");
	for (uint32_t i = 0; i < arena->block_cnt; i++)
		json_stream__put(stream, NULL, pack_block(report, arena->first_block + i));
	json_stream__end_array(stream);
	json_stream__end_object(stream);
}

static json_t *pack_what_if(const struct pinned *pinned)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < pinned->what_if_cnt; i++) {
		const struct what_if *row = &pinned->what_if[i];

		json_values__append(&rows,
				    json_pack("{s:I, s:I, s:I}", "arenas", (json_int_t)row->regions,
					      "blocks", (json_int_t)row->blocks, "bytes",
					      (json_int_t)row->bytes));
	}
	return rows;
}

static void write_pinned(struct json_stream *stream, const struct report *report)
{
	const struct pinned *pinned = &report->findings->pinned;
	bool resident_known = report->findings->resident_bytes != RESIDENT_UNKNOWN;
	uint64_t resident_bytes =
		resident_known ? pinned->resident_hostage_bytes : RESIDENT_UNKNOWN;

	json_stream__begin_object(stream, "pinned");
	json_stream__put_members(stream,
				 json_pack("{s:f, s:I, s:I, s:I, s:o, s:I}", "below", pinned->below,
					   "arenas", (json_int_t)pinned->region_cnt, "bytes",
					   (json_int_t)pinned->bytes, "hostage_bytes",
					   (json_int_t)pinned->hostage_bytes,
					   "resident_hostage_bytes", pack_known(resident_bytes),
					   "live_blocks", (json_int_t)pinned->live_blocks));
	json_stream__begin_array(stream, "list");
	for (size_t i = 0; i < pinned->region_cnt; i++)
		write_pinned_arena(stream, report, &pinned->regions[i], resident_known);
	json_stream__end_array(stream);
	json_stream__put(stream, "what_if", pack_what_if(pinned));
	json_stream__end_object(stream);
}

/* All that only a heap with arenas has. */
static void write_heap(struct json_stream *stream, const struct report *report)
{
	static const char *const members[] = {"heap", "size_classes", "fragmentation", "pinned"};
	const struct heap_measure *measure = &report->findings->measure;

	if (!report->findings->has_arenas) {
		for (size_t i = 0; i < ARRAY_SIZE(members); i++)
			json_stream__put(stream, members[i], json_null());
		return;
	}
	json_stream__put(stream, "heap", pack_heap(report));
	json_stream__put(stream, "size_classes", pack_size_classes(measure));
	json_stream__put(stream, "fragmentation",
			 json_real(heap_totals__fragmentation(&measure->totals)));
	write_pinned(stream, report);
}

static json_t *pack_cost(const struct report_tracing *tracing)
{
	const struct tracer_cost *cost = &tracing->totals.cost;
	json_t *budget = tracing->budget < 0 ? json_null() : json_real(tracing->budget);

	return json_pack("{s:o, s:f, s:I, s:I, s:f, s:I, s:f, s:I}", "budget", budget, "cpu_share",
			 tracer_cost__share(cost), "hits", (json_int_t)tracer_cost__hit_cnt(cost),
			 "ignored_hits", (json_int_t)cost->hits[HITS_IGNORED], "ns_per_hit",
			 cost->ns_per_hit, "bursts", (json_int_t)cost->burst_cnt, "bursts_s",
			 (double)cost->burst_ns / 1e9, "growth_pauses",
			 (json_int_t)cost->growth_pauses);
}

static json_t *pack_tracing(const struct report *report)
{
	const struct report_tracing *tracing = report->tracing;
	const struct tracer_sight *sees;
	const struct model_counts *counts;

	if (!tracing)
		return json_null();
	sees = &tracing->totals.sees;
	counts = &tracing->totals.counts;
	return json_pack(
		"{s:s, s:f, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, "
		"s:o}",
		"mode", tracing->mode, "traced_for_s", tracing->traced_for_s, "probe_sites",
		(json_int_t)tracing->totals.probe_sites, "allocs", (json_int_t)counts->allocs,
		"frees", (json_int_t)counts->frees, "new_pools", (json_int_t)counts->new_spans,
		"pools_freed", pack_if(sees->pool_frees, counts->spans_freed), "arenas_mapped",
		pack_if(sees->arena_maps, counts->regions_mapped), "arenas_unmapped",
		pack_if(sees->arena_unmaps, counts->regions_unmapped), "freelist_clears",
		pack_if(sees->freelist_clears, counts->freelist_clears), "lost",
		(json_int_t)counters__get(report->counters, COUNTER_LOST), "resyncs",
		(json_int_t)counts->resyncs, "missed_allocs", (json_int_t)counts->missed_allocs,
		"missed_frees", (json_int_t)counts->missed_frees, "drift_blocks",
		(json_int_t)counts->drift_blocks, "coverage",
		tracing->follows_blocks ? json_real(report__coverage(report)) : json_null(), "cost",
		pack_cost(tracing));
}

static json_t *pack_snapshot(const struct report *report)
{
	const struct report_snapshot *snapshot = &report->snapshot;
	uint64_t retried = counters__get(report->counters, COUNTER_POOLS_RETRIED),
		 unresolved = counters__get(report->counters, COUNTER_POOLS_UNRESOLVED);
	bool has_pools = report->findings->has_arenas;

	return json_pack("{s:b, s:f, s:f, s:o, s:o, s:o, s:o, s:o, s:I}", "target_slept",
			 snapshot->target_slept, "duration_ms", snapshot->duration_ms, "paused_ms",
			 snapshot->paused_ms, "retried_pools", pack_if(has_pools, retried),
			 "unresolved_pools", pack_if(has_pools, unresolved), "unchanged_pools",
			 pack_if(has_pools, snapshot->unchanged_pools), "calm_pools",
			 pack_if(has_pools, snapshot->calm_pools), "scrubbed_pools",
			 pack_if(has_pools, snapshot->scrubbed_pools), "swapped_bytes",
			 (json_int_t)report__swapped_bytes(report));
}

static json_t *pack_counters(const struct counters *values)
{
	static const char *const names[COUNTER_CNT] = {
#define X(identifier, name, help) [COUNTER_##identifier] = (name),
		PYFRAG_COUNTERS(X)
#undef X
	};
	json_t *counters = json_object();

	for (int i = 0; i < COUNTER_CNT && counters; i++) {
		if (!json_object_set_new(counters, names[i],
					 json_integer((json_int_t)counters__get(values, i))))
			continue;
		json_decref(counters);
		counters = NULL;
	}
	return counters;
}

static void write_map(struct json_stream *stream, const struct memory_map *map)
{
	json_stream__begin_array(stream, "map");
	for (size_t i = 0; i < map->region_cnt; i++) {
		const struct memory_map_region *region = &map->regions[i];

		json_stream__put(stream, NULL,
				 json_pack("{s:o, s:I, s:I, s:s, s:f, s:I, s:I, s:I}", "address",
					   json_values__address(region->start), "bytes",
					   (json_int_t)(region->end - region->start),
					   "sector_bytes", (json_int_t)region->sector_bytes,
					   "sectors", region->sectors, "fragmentation",
					   memory_map_region__fragmentation(region), "used_sectors",
					   (json_int_t)region->used, "fragmented_sectors",
					   (json_int_t)region->partial, "free_sectors",
					   (json_int_t)region->free));
	}
	json_stream__end_array(stream);
}

/* Writes the parts that are present only on request. */
static void write_census(struct json_stream *stream, const struct report *report)
{
	const struct census *census = report->census ? report->census->census : NULL;

	if (report->memory_use)
		json_stream__put(stream, "memory",
				 json_memory__report(report->memory_use, report->memory_age_s));
	if (report->malloc_use)
		json_stream__put(stream, "malloc",
				 json_malloc__report(report->malloc_use,
						     report__resident_bytes(report)));
	if (report->malloc_changes)
		json_stream__put(stream, "malloc_changes",
				 json_malloc_changes__report(report->malloc_changes));
	if (report->other_mallocs && report->memory_use)
		json_stream__put(stream, "other_mallocs",
				 json_other_mallocs__report(report->other_mallocs,
							    report->memory_use));
	if (report->loaded_mallocs)
		json_stream__put(stream, "loaded_mallocs",
				 json_loaded_mallocs__report(report->loaded_mallocs));
	if (report->outside)
		json_stream__put(stream, "outside",
				 json_memory__outside(census, report->outside,
						      malloc_use__bytes_in_use(
							      report->malloc_use)));
	if (report->tops) {
		json_stream__put(stream, "malloc_pins", json_memory__tops(census, report->tops));
		json_stream__put(stream, "malloc_pins_left_out",
				 json_values__number(report->tops->left_out_cnt));
	}
	if (census)
		json_census__write(stream, report->census);
	if (report->retained)
		json_retained__write(stream, census, report->retained);
	if (report->holders)
		json_holders__write(stream, census, report->holders);
	if (report->advices)
		json_stream__put(stream, "advice", json_holders__advices(report->advices));
	if (report->arena)
		json_holders__write_arena(stream, census, report->arena);
	if (report->object)
		json_stream__put(stream, "object", json_object__report(census, report->object));
}

int report__write_json(const struct report *report, FILE *out)
{
	struct json_stream stream = {.out = out};

	json_stream__begin_object(&stream, NULL);
	json_stream__put_members(&stream,
				 json_pack("{s:s, s:o, s:o, s:o, s:o}", "schema", REPORT_SCHEMA,
					   "time", pack_time(&report->time), "host",
					   json_values__text(report->host), "process",
					   pack_process(report), "python", pack_python(report)));
	write_heap(&stream, report);
	json_stream__put(&stream, "tracing", pack_tracing(report));
	json_sites__write(&stream, report->sites);
	json_stream__put(&stream, "snapshot", pack_snapshot(report));
	json_stream__put(&stream, "counters", pack_counters(report->counters));
	write_census(&stream, report);
	if (report->findings->has_map)
		write_map(&stream, &report->findings->map);
	if (report->malloc_map)
		json_malloc_map__write(&stream, report->malloc_map);
	json_stream__end_object(&stream);
	errno = 0;
	if (!stream.err && (fputc('\n', out) == EOF || fflush(out)))
		stream.err = errno ? -errno : -EIO;
	return stream.err;
}

static int write_report(struct report_output *output, const struct report *report,
			struct failure *failure)
{
	int err = report__write_json(report, output->stream);

	return err ? report_output__describe(output, err, failure) : 0;
}

const struct report_writer report_writer_json = {
	.name = "json",
	.summary = "one line of JSON per report",
	.noun = "report",
	.write = write_report,
	.write_rows = json_rows__write,
};
