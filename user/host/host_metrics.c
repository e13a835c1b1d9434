// SPDX-License-Identifier: BSD-2-Clause
#include "host/host_metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/heap_series.h"
#include "host/own_metrics.h"
#include "host/series.h"
#include "host/site_metrics.h"
#include "output/open_metrics.h"
#include "util/cleanup.h"
#include "util/clock.h"

/* If there are more programs, the rest become one series, "(others)". */
#define SERIES_MAX 500

#define FAMILY(field, name, unit, help)                                                            \
	{                                                                                          \
		{"pyfrag_" name, unit, help, false}, offsetof(struct heap_series, field)           \
	}

static const struct {
	struct metric_family family;
	size_t offset; /* of the value, a double */
} families[] = {
	FAMILY(sums.processes, "processes", NULL, "Python processes that were read."),
	FAMILY(sums.arenas, "arenas", NULL, "Arenas of pymalloc."),
	FAMILY(sums.arena_bytes, "arena_bytes", "bytes", "Size of all arenas."),
	FAMILY(sums.resident_bytes, "arena_resident_bytes", "bytes",
	       "Resident part of the arenas."),
	FAMILY(sums.shared_bytes, "arena_shared_bytes", "bytes",
	       "Resident part of the arenas that other processes share (after a fork)."),
	FAMILY(sums.live_bytes, "live_bytes", "bytes", "Size of the live blocks."),
	FAMILY(sums.live_blocks, "live_blocks", NULL, "Live blocks."),
	FAMILY(sums.free_block_bytes, "free_block_bytes", "bytes",
	       "Size of the free blocks in pools with live blocks."),
	FAMILY(sums.free_pool_bytes, "free_pool_bytes", "bytes",
	       "Size of the pools without live blocks."),
	FAMILY(sums.overhead_bytes, "overhead_bytes", "bytes",
	       "Size of pool headers and of the unused ends of pools and arenas."),
	FAMILY(sums.unread_bytes, "unread_bytes", "bytes",
	       "Size of the pools that were not read because they are swapped out."),
	FAMILY(sums.pinned_arenas, "pinned_arenas", NULL,
	       "Pinned arenas: those with live blocks and an occupancy below --below."),
	FAMILY(sums.pinned_bytes, "pinned_bytes", "bytes", "Size of pinned arenas."),
	FAMILY(sums.hostage_bytes, "hostage_bytes", "bytes",
	       "Memory in pinned arenas that is not live and cannot be released."),
	FAMILY(sums.resident_hostage_bytes, "hostage_resident_bytes", "bytes",
	       "Resident part of pyfrag_hostage_bytes."),
	FAMILY(sums.growth, "arena_growth_bytes", "bytes", "Growth of the arenas per minute."),
	FAMILY(age_s, "reading_age_seconds", "seconds",
	       "Time since the last reading of the heap; with several processes, the longest."),
	FAMILY(sums.rss, "rss_bytes", "bytes", "Resident memory of the processes."),
	FAMILY(sums.unexplained, "unexplained_bytes", "bytes",
	       "Resident memory whose use is not known."),
	FAMILY(sums.malloc_in_use, "malloc_in_use_bytes", "bytes",
	       "Chunks of glibc's malloc that are in use."),
	FAMILY(sums.malloc_free, "malloc_free_bytes", "bytes",
	       "Memory of glibc's malloc that is free or cached."),
	FAMILY(sums.malloc_trimmable, "malloc_trimmable_bytes", "bytes",
	       "Memory that malloc_trim(0) would release."),
	FAMILY(memory_age_s, "memory_age_seconds", "seconds",
	       "Time since the last reading of all memory; with several processes, the longest."),
};

static double known(uint64_t bytes)
{
	return bytes == RESIDENT_UNKNOWN ? 0 : (double)bytes;
}

static void add_memory(struct heap_sums *sums, const struct memory_figures *memory)
{
	_Static_assert(FIGURE_UNKNOWN == RESIDENT_UNKNOWN, "known() is for both");
	sums->rss += known(memory->rss);
	sums->unexplained += known(memory->unexplained);
	sums->malloc_in_use += known(memory->malloc_in_use);
	sums->malloc_free += known(memory->malloc_free);
	sums->malloc_trimmable += known(memory->malloc_trimmable);
}

static void add(struct heap_sums *sums, const struct watched *watched)
{
	const struct findings *findings = &watched->last.findings;
	const struct heap_totals *totals = &findings->measure.totals;

	sums->processes++;
	sums->arenas += (double)totals->regions;
	sums->arena_bytes += (double)totals->region_bytes;
	sums->resident_bytes += known(findings->resident_bytes);
	sums->shared_bytes += watched->last.knows_shared ? (double)watched->last.shared_bytes : 0;
	sums->live_bytes += (double)totals->live_bytes;
	sums->live_blocks += (double)totals->live_blocks;
	sums->free_block_bytes += (double)totals->free_block_bytes;
	sums->free_pool_bytes += (double)totals->free_span_bytes;
	sums->overhead_bytes += (double)totals->overhead_bytes;
	sums->unread_bytes += (double)totals->unread_bytes;
	sums->pinned_arenas += (double)findings->pinned.region_cnt;
	sums->pinned_bytes += (double)findings->pinned.bytes;
	sums->hostage_bytes += (double)findings->pinned.hostage_bytes;
	sums->resident_hostage_bytes += (double)findings->pinned.resident_hostage_bytes;
	sums->growth += growth__per_minute(&watched->trend);
	add_memory(sums, &watched->memory);
}

static double seconds_since(uint64_t time_ns)
{
	return time_ns ? (double)(clock_ns(CLOCK_MONOTONIC) - time_ns) / 1e9 : 0;
}

/*
 * Counts the processes whose last reading failed, also those never read, and merges them as below.
 */
static size_t collect_unread(const struct host *host, struct heap_series *series)
{
	struct watched *const *watched;
	size_t cnt = host__watched(host, &watched);

	for (size_t i = 0; i < cnt; i++)
		series[i] = (struct heap_series){
			.key = series_key__of(watched[i]),
			.sums.processes = watched__trouble(watched[i]) ? 1 : 0,
		};
	return heap_series__merge(series, cnt, SERIES_MAX);
}

/* Makes a series for each process, then merges those of the same program. */
static size_t collect(const struct host *host, struct heap_series *series)
{
	struct watched *const *watched;
	size_t cnt = host__watched(host, &watched), all = 0;

	for (size_t i = 0; i < cnt; i++) {
		if (!watched[i]->has_last)
			continue;
		series[all] =
			(struct heap_series){.key = series_key__of(watched[i]),
					     .age_s = seconds_since(watched[i]->known_ns),
					     .memory_age_s = seconds_since(watched[i]->memory_ns)};
		add(&series[all++].sums, watched[i]);
	}
	return heap_series__merge(series, all, SERIES_MAX);
}

static void write_family(const struct heap_series *series, size_t cnt,
			 const struct metric_family *family, size_t offset, bool open_metrics,
			 FILE *out)
{
	open_metrics__begin(out, family, open_metrics);
	for (size_t i = 0; i < cnt; i++) {
		struct metric_label labels[SERIES_LABEL_CNT];

		series_key__label(&series[i].key, labels);
		open_metrics__sample(out, family, labels, SERIES_LABEL_CNT,
				     *(const double *)((const char *)&series[i] + offset));
	}
}

int host_metrics__write(const struct host *host, const struct host_metrics_extra *extra,
			bool open_metrics, FILE *out)
{
	static const struct metric_family not_read = {
		"pyfrag_processes_not_read", NULL,
		"Python processes whose last reading failed or exceeded a limit.", false};
	struct watched *const *watched;
	size_t cnt = host__watched(host, &watched);
	_cleanup_free_ struct heap_series *series = calloc(cnt + 1, sizeof(*series));

	if (!series)
		return -ENOMEM;
	cnt = collect(host, series);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		write_family(series, cnt, &families[i].family, families[i].offset, open_metrics,
			     out);
	cnt = collect_unread(host, series);
	write_family(series, cnt, &not_read, offsetof(struct heap_series, sums.processes),
		     open_metrics, out);
	if (host__reports_sites(host) && site_metrics__write(host, open_metrics, out))
		return -ENOMEM;
	own_metrics__write(host, extra, open_metrics, out);
	open_metrics__end(out, open_metrics);
	return ferror(out) ? -ENOMEM : 0;
}
