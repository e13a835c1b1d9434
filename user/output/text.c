// SPDX-License-Identifier: BSD-2-Clause
/* The report as text: a summary of one line, then tables, the most informative first. */
#include "output/report.h"
#include "output/text_census.h"
#include "output/text_holders.h"
#include "output/text_malloc.h"
#include "output/text_malloc_changes.h"
#include "output/text_malloc_map.h"
#include "output/text_memory.h"
#include "output/text_object.h"
#include "output/text_other_mallocs.h"
#include "output/text_retained.h"
#include "output/text_sites.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/memory_map.h"
#include "output/report_writers.h"
#include "output/rows.h"
#include "util/cleanup.h"
#include "util/text.h"
#include "util/units.h"

#define BYTES(value)	     units__bytes(value).text
#define COUNT(value)	     units__count(value).text
#define COUNTED(value, noun) units__counted(value, noun).text
#define PERCENT(value)	     units__percent(value).text
#define SECONDS(value)	     units__seconds(value).text
/* "?" for an event that this Python has no probe site for. */
#define SEEN(seen, value) ((seen) ? COUNT(value) : "?")

/* Limits of the long tables in text; JSON has all rows. */
#define SHOWN_CLASSES_MAX   8
#define SHOWN_ARENAS_MAX    10
#define SHOWN_BLOCKS_MAX    3
#define SHOWN_CMDLINE_BYTES 60

static void write_cmdline(const struct report *report, FILE *out)
{
	const struct target *target = report->target;

	if (*target->cmdline && !report->no_values)
		text__write_words(target->cmdline, SHOWN_CMDLINE_BYTES, out);
	else
		text__write(target->comm, out);
}

static void write_head(const struct report *report, FILE *out)
{
	struct tm local;
	char time[32];

	localtime_r(&report->time.tv_sec, &local);
	strftime(time, sizeof(time), "%Y-%m-%d %H:%M:%S", &local);
	fprintf(out, "%s  pid %d  ", time, report->target->pid);
	write_cmdline(report, out);
	fprintf(out, "  CPython %s, %s\n", report->python->version, report->allocator);
}

/*
 * Picks the what-if row with the best return: the first that releases at least half of all
 * reclaimable memory.
 */
static const struct what_if *pick_what_if(const struct pinned *pinned)
{
	const struct what_if *all = &pinned->what_if[pinned->what_if_cnt - 1];

	for (size_t i = 0; i < pinned->what_if_cnt; i++)
		if (pinned->what_if[i].bytes * 2 >= all->bytes)
			return &pinned->what_if[i];
	return all;
}

static void write_verdict(const struct report *report, FILE *out)
{
	const struct heap_totals *totals = &report->findings->measure.totals;
	const struct pinned *pinned = &report->findings->pinned;
	const struct what_if *row;

	if (!report->findings->has_arenas) {
		fputs("=> Python allocates its objects with malloc (PYTHONMALLOC, or a build "
		      "without pymalloc): there are no arenas.\n",
		      out);
		return;
	}
	if (!totals->region_bytes) {
		fputs("=> The heap has no arenas: no small objects are in use.\n", out);
		return;
	}
	if (!pinned->region_cnt) {
		fprintf(out, "=> No arena is %spinned. Arenas: %s, %s of it live (%s).\n",
			totals->unread_bytes ? "known to be " : "", BYTES(totals->region_bytes),
			PERCENT((double)totals->live_bytes / (double)totals->region_bytes),
			COUNTED(totals->live_blocks, "block"));
		return;
	}
	row = pick_what_if(pinned);
	fprintf(out, "=> %s live block%s (%s) pin%s %s of %s arenas: %s held back",
		COUNT(pinned->live_blocks), pinned->live_blocks == 1 ? "" : "s",
		BYTES(pinned->bytes - pinned->hostage_bytes), pinned->live_blocks == 1 ? "s" : "",
		COUNT(pinned->region_cnt), COUNT(totals->regions), BYTES(pinned->hostage_bytes));
	if (report->findings->resident_bytes != RESIDENT_UNKNOWN)
		fprintf(out, ", %s of it resident", BYTES(pinned->resident_hostage_bytes));
	if (row->bytes)
		fprintf(out, ". Freeing %s%s releases %s",
			row->blocks < pinned->live_blocks ? COUNT(row->blocks)
			: row->blocks == 1		  ? "it"
							  : "all",
			pinned->live_blocks == 1 ? "" : " of them", BYTES(row->bytes));
	fputs(".\n", out);
}

/* What was not read, and what reading it would cost. */
static void write_unread(const struct report *report, FILE *out)
{
	uint64_t bytes = report__swapped_bytes(report);

	if (bytes)
		fprintf(out,
			"   %s are swapped out and were not read; the figures do not include "
			"them.\n   --swapped reads them, which brings at least that much back into "
			"RAM, charged to the cgroup of the\n   process.\n",
			BYTES(bytes));
}

static void write_share(FILE *out, const char *name, uint64_t bytes, uint64_t all, const char *note)
{
	fprintf(out, "  %-12s %12s %8s  %s\n", name, BYTES(bytes),
		PERCENT(all ? (double)bytes / (double)all : 0), note);
}

static void write_heap(const struct report *report, FILE *out)
{
	const struct heap_totals *totals = &report->findings->measure.totals;
	uint64_t all = totals->region_bytes;
	char note[96];

	fprintf(out, "\nHeap: fragmentation %s\n", PERCENT(heap_totals__fragmentation(totals)));
	snprintf(note, sizeof(note), "%s of %s%s%s", COUNT(totals->regions),
		 BYTES(report->findings->layout.region_size),
		 report->findings->resident_bytes == RESIDENT_UNKNOWN ? "" : "; resident: ",
		 report->findings->resident_bytes == RESIDENT_UNKNOWN
			 ? ""
			 : BYTES(report->findings->resident_bytes));
	write_share(out, "arenas", all, all, note);
	snprintf(note, sizeof(note), "%s", COUNTED(totals->live_blocks, "block"));
	write_share(out, "live", totals->live_bytes, all, note);
	write_share(out, "free blocks", totals->free_block_bytes, all,
		    "in pools that hold live blocks of the same size");
	write_share(out, "free pools", totals->free_span_bytes, all, "usable for any size class");
	write_share(out, "overhead", totals->overhead_bytes, all,
		    "pool headers and unused ends of pools and arenas");
	snprintf(note, sizeof(note), "%s, swapped out", COUNTED(totals->unread_spans, "pool"));
	if (totals->unread_spans)
		write_share(out, "not read", totals->unread_bytes, all, note);
}

static void write_exactness(const struct report *report, FILE *out)
{
	if (report->findings->resident_is_upper_bound ||
	    (report->memory_use && report->memory_use->resident_is_upper_bound))
		fputs("  (Resident sizes, and what would be released, are upper bounds: they "
		      "include memory that the\n  process has only read, never written, because "
		      "telling it apart takes Linux 6.7 or\n  CAP_SYS_ADMIN.)\n",
		      out);
}

static int compare_free_bytes(const void *left, const void *right)
{
	const struct size_class_totals *a = left, *b = right;
	uint64_t a_bytes = a->free_blocks * a->block_size, b_bytes = b->free_blocks * b->block_size;

	if (a_bytes != b_bytes)
		return a_bytes > b_bytes ? -1 : 1;
	return (a->block_size > b->block_size) - (a->block_size < b->block_size);
}

static void write_size_classes(const struct heap_measure *measure, FILE *out)
{
	struct size_class_totals classes[HEAP_CLASSES_MAX];
	uint32_t cnt = 0, shown;

	for (uint32_t i = 0; i < measure->class_cnt; i++)
		if (measure->classes[i].spans)
			classes[cnt++] = measure->classes[i];
	if (!cnt)
		return;
	qsort(classes, cnt, sizeof(*classes), compare_free_bytes);
	shown = cnt > SHOWN_CLASSES_MAX ? SHOWN_CLASSES_MAX : cnt;
	fprintf(out, "\nSize classes, most free bytes first%s\n",
		shown < cnt ? " (all of them with --json)" : "");
	fprintf(out, "  %10s %10s %14s %14s %12s %12s\n", "block size", "pools", "live", "free",
		"live bytes", "free bytes");
	for (uint32_t i = 0; i < shown; i++) {
		const struct size_class_totals *class = &classes[i];

		fprintf(out, "  %10s %10s %14s %14s %12s %12s\n", BYTES(class->block_size),
			COUNT(class->spans), COUNT(class->live_blocks), COUNT(class->free_blocks),
			BYTES(class->live_blocks * class->block_size),
			BYTES(class->free_blocks * class->block_size));
	}
}

static void write_pinned_arena(const struct report *report, const struct pinned_region *arena,
			       FILE *out)
{
	const struct pinned *pinned = &report->findings->pinned;
	uint32_t shown = arena->block_cnt;

	if (shown > SHOWN_BLOCKS_MAX)
		shown = SHOWN_BLOCKS_MAX;
	fprintf(out, "  %#-18" PRIx64 " %8s %12s %10s %12s %16s ", arena->address,
		COUNT(arena->live_blocks), BYTES(arena->live_bytes), PERCENT(arena->occupancy),
		report->findings->resident_bytes == RESIDENT_UNKNOWN ? "?"
								     : BYTES(arena->resident_bytes),
		arena->pinned_for_s > 0 ? SECONDS(arena->pinned_for_s) : "new");
	for (uint32_t i = 0; i < shown; i++) {
		size_t index = arena->first_block + i;
		const struct pinned_block *block = &pinned->blocks[index];

		if (report->holders) {
			text_holders__write_block(report->census->census, report->holders, index,
						  block, out);
			continue;
		}
		fprintf(out, " %#" PRIx64 ":%" PRIu64, block->address, block->size);
		if (report->census)
			text_census__write_block(report->census, block->address, out);
	}
	if (shown < arena->live_blocks)
		fputs(report->holders ? "\n      ..." : " ...", out);
	fputc('\n', out);
}

static void write_pinned(const struct report *report, FILE *out)
{
	const struct pinned *pinned = &report->findings->pinned;
	size_t shown =
		pinned->region_cnt > SHOWN_ARENAS_MAX ? SHOWN_ARENAS_MAX : pinned->region_cnt;

	fprintf(out, "\nPinned arenas: %s with an occupancy below %s, fewest live blocks first%s\n",
		COUNT(pinned->region_cnt), PERCENT(pinned->below),
		shown < pinned->region_cnt ? " (all of them with --json)" : "");
	if (!pinned->region_cnt)
		return;
	fprintf(out, "  %-18s %8s %12s %10s %12s %16s  %s\n", "arena", "live", "live bytes",
		"occupancy", "resident", "pinned for", "blocks (address:size)");
	for (size_t i = 0; i < shown; i++)
		write_pinned_arena(report, &pinned->regions[i], out);

	fprintf(out, "\nReclaimable memory\n  %14s %14s %14s\n", "blocks to free", "arenas emptied",
		"bytes released");
	for (size_t i = 0; i < pinned->what_if_cnt; i++) {
		const struct what_if *row = &pinned->what_if[i];

		fprintf(out, "  %14s %14s %14s%s\n", COUNT(row->blocks), COUNT(row->regions),
			BYTES(row->bytes), row->bytes ? "" : "  (CPython keeps one empty arena)");
	}
}

/* To six digits, so that a ratio below 1 never shows as 1. */
static double round_down(double ratio)
{
	return floor(ratio * 1e6) / 1e6;
}

static void write_cost(const struct report_tracing *tracing, FILE *out)
{
	const struct tracer_cost *cost = &tracing->totals.cost;
	uint64_t hits = tracer_cost__hit_cnt(cost);

	fprintf(out, "  cost: %s", COUNTED(hits, "probe hit"));
	if (hits)
		fprintf(out, " at %.0f ns each", cost->ns_per_hit);
	fprintf(out, ", which add %s to the CPU time of the process",
		PERCENT(tracer_cost__share(cost)));
	if (tracing->budget >= 0)
		fprintf(out, " (budget %s)", PERCENT(tracing->budget));
	if (cost->burst_cnt)
		fprintf(out, "; %s (%s in total)", COUNTED(cost->burst_cnt, "burst"),
			SECONDS((double)cost->burst_ns / 1e9));
	if (cost->growth_pauses)
		fprintf(out, "; growth probes removed %s to stay within the budget",
			COUNTED(cost->growth_pauses, "time"));
	if (tracing->budget > 0 && !cost->has_bursts)
		fputs("; no bursts (see: pyfrag doctor)", out);
	fputc('\n', out);
}

/* Whether write_tracing() writes a "?". */
static bool shows_unknown(const struct report_tracing *tracing)
{
	const struct tracer_sight *sees = &tracing->totals.sees;
	bool shows_pools = !tracing->follows_blocks && tracing->budget > 0;

	return !sees->arena_maps || !sees->arena_unmaps || !sees->freelist_clears ||
	       (shows_pools && !sees->pool_frees);
}

static void write_tracing(const struct report *report, FILE *out)
{
	const struct report_tracing *tracing = report->tracing;
	const struct model_counts *counts = &tracing->totals.counts;
	const struct tracer_sight *sees = &tracing->totals.sees;

	fprintf(out, "\nTracing: mode %s, %s probe sites, for %s\n", tracing->mode,
		COUNT(tracing->totals.probe_sites), SECONDS(tracing->traced_for_s));
	if (tracing->follows_blocks)
		fprintf(out, "  %s allocs, %s frees, %s events lost; coverage %.6g\n",
			COUNT(counts->allocs), COUNT(counts->frees),
			COUNT(counters__get(report->counters, COUNTER_LOST)),
			round_down(report__coverage(report)));
	else if (tracing->budget > 0)
		fprintf(out,
			"  pools: %s taken, %s returned; in bursts: %s allocs, %s frees; %s events "
			"lost\n",
			COUNT(counts->new_spans), SEEN(sees->pool_frees, counts->spans_freed),
			COUNT(counts->allocs), COUNT(counts->frees),
			COUNT(counters__get(report->counters, COUNTER_LOST)));
	fprintf(out, "  arenas: %s mapped, %s unmapped; free-list clears: %s; resyncs: %s\n",
		SEEN(sees->arena_maps, counts->regions_mapped),
		SEEN(sees->arena_unmaps, counts->regions_unmapped),
		SEEN(sees->freelist_clears, counts->freelist_clears), COUNT(counts->resyncs));
	if (shows_unknown(tracing))
		fputs("  (?: not recorded, because this Python has no probe site for it)\n", out);
	write_cost(tracing, out);
}

/* Writes only counters that are not 0. */
static void write_counters(const struct report *report, FILE *out)
{
	static const char *const helps[COUNTER_CNT] = {
#define X(identifier, name, help) [COUNTER_##identifier] = (help),
		PYFRAG_COUNTERS(X)
#undef X
	};
	bool headed = false;

	for (int i = 0; i < COUNTER_CNT; i++) {
		if (!counters__get(report->counters, i))
			continue;
		if (!headed)
			fputs("\nDiagnostics\n", out);
		headed = true;
		fprintf(out, "  %12s  %s\n", COUNT(counters__get(report->counters, i)), helps[i]);
	}
}

static void write_map(const struct memory_map *map, FILE *out)
{
	for (size_t i = 0; i < map->region_cnt; i++) {
		const struct memory_map_region *region = &map->regions[i];
		size_t length = strlen(region->sectors);

		fprintf(out, "\nMap of %#" PRIx64 "-%#" PRIx64 ": %s, %s per sector\n",
			region->start, region->end, BYTES(region->end - region->start),
			BYTES(region->sector_bytes));
		for (size_t at = 0; at < length; at += MEMORY_MAP_COLUMNS)
			fprintf(out, "%.*s\n", MEMORY_MAP_COLUMNS, region->sectors + at);
		fprintf(out,
			"fragmentation %s; partly used sectors %s; fully used sectors %s (longest "
			"run %s); free sectors %s (longest run %s)\n",
			PERCENT(memory_map_region__fragmentation(region)), COUNT(region->partial),
			COUNT(region->used), COUNT(region->longest_used), COUNT(region->free),
			COUNT(region->longest_free));
	}
}

/* What malloc has in use without being of a known object; 0: not known. */
static uint64_t other_malloc_bytes(const struct report *report)
{
	return report->outside ? outside_objects__rest(report->outside,
						       malloc_use__bytes_in_use(report->malloc_use))
			       : 0;
}

int report__write_text(const struct report *report, FILE *out)
{
	errno = 0;
	write_head(report, out);
	write_verdict(report, out);
	write_unread(report, out);
	if (report->findings->has_arenas)
		write_heap(report, out);
	if (report->memory_use)
		text_memory__write(report->memory_use, report->other_mallocs, report->memory_age_s,
				   out);
	write_exactness(report, out);
	if (report->loaded_mallocs && report->memory_use)
		text_loaded_mallocs__write(report->loaded_mallocs, report->memory_use, out);
	if (report->malloc_use)
		text_malloc__write(report->malloc_use, report__resident_bytes(report), out);
	if (report->malloc_changes)
		text_malloc_changes__write(report->malloc_changes, out);
	if (report->other_mallocs && report->memory_use)
		text_other_mallocs__write(report->other_mallocs, report->memory_use, out);
	if (report->findings->has_arenas)
		write_pinned(report, out);
	if (report->arena)
		text_holders__write_arena(report->census, report->arena, out);
	if (report->object)
		text_object__write(report->census->census, report->object, out);
	if (report->retained)
		text_retained__write(report->census->census, report->retained,
				     other_malloc_bytes(report), out);
	if (report->holders)
		text_holders__write(report->census, report->holders, out);
	if (report->advices)
		text_holders__write_advices(report->advices, out);
	if (report->census)
		text_census__write(report->census, out);
	if (report->tops)
		text_memory__write_tops(report->census->census, report->tops, out);
	if (report->outside)
		text_memory__write_outside(report->census->census, report->outside,
					   malloc_use__bytes_in_use(report->malloc_use), out);
	if (report->findings->has_arenas)
		write_size_classes(&report->findings->measure, out);
	if (report->sites)
		text_sites__write(report->sites, out);
	if (report->tracing)
		write_tracing(report, out);
	write_counters(report, out);
	if (report->snapshot.target_slept)
		fputs("\nNot read again: the process has not run since the last reading", out);
	else
		fprintf(out, "\nRead in %s%s%s", SECONDS(report->snapshot.duration_ms / 1000),
			report->snapshot.paused_ms > 0 ? "; the process was paused for " : "",
			report->snapshot.paused_ms > 0 ? SECONDS(report->snapshot.paused_ms / 1000)
						       : "");
	if (report->snapshot.unchanged_pools)
		fprintf(out, "; %s unchanged",
			COUNTED(report->snapshot.unchanged_pools + report->snapshot.scrubbed_pools,
				"pool"));
	if (report->snapshot.calm_pools)
		fprintf(out, "; %s skipped (in arenas without recent changes)",
			COUNTED(report->snapshot.calm_pools, "pool"));
	fputc('\n', out);
	if (report->findings->has_map)
		write_map(&report->findings->map, out);
	if (report->malloc_map)
		text_malloc_map__write(report->malloc_map, out);
	fputc('\n', out);
	if (fflush(out) || ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}

static int write_report(struct report_output *output, const struct report *report,
			struct failure *failure)
{
	int err = report__write_text(report, output->stream);

	return err ? report_output__describe(output, err, failure) : 0;
}

const struct report_writer report_writer_text = {
	.name = "text",
	.summary = "tables",
	.noun = "report",
	.write = write_report,
	.write_rows = text_rows__write,
};
