// SPDX-License-Identifier: BSD-2-Clause
#include "output/database.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis/census_kinds.h"
#include "census/via.h"
#include "output/database_schema.h"
#include "output/report_writers.h"
#include "output/sqlite_file.h"
#include "target/shortage.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/text.h"
#include "util/units.h"

#define KIND_BYTES    512
#define PROGRESS_ROWS (1UL << 16)

/* 'pyfr', by which file(1) and others recognize the format. */
#define APPLICATION_ID "0x70796672"

struct writer {
	sqlite3 *db;
	sqlite3_stmt *insert; /* for the table being written */
	const struct report *report;
	const struct report_contents *contents;
	const struct census *census;
	uint64_t done_rows, all_rows;
	int memory_err; /* set if pyfrag's own memory, not SQLite's, ran out */
};

static int execute(const struct writer *writer, const char *sql)
{
	return sqlite3_exec(writer->db, sql, NULL, NULL, NULL);
}

/* Starts the table into which @sql inserts; the next rows go there. */
static int begin_table(struct writer *writer, const char *sql)
{
	sqlite3_finalize(writer->insert);
	writer->insert = NULL;
	return sqlite3_prepare_v2(writer->db, sql, -1, &writer->insert, NULL);
}

static int put_integer(struct writer *writer, int column, int64_t value, bool zero_is_null)
{
	return zero_is_null && !value ? sqlite3_bind_null(writer->insert, column)
				      : sqlite3_bind_int64(writer->insert, column, value);
}

/*
 * @types: one letter per column: i (int64_t), z (int64_t, 0 for null), r (double), s (const char *,
 * NULL for null), n (null, no argument).
 */
static int put_row(struct writer *writer, const char *types, ...)
{
	va_list arguments;
	int result = SQLITE_OK;

	va_start(arguments, types);
	for (int i = 1; types[i - 1] && result == SQLITE_OK; i++) {
		if (types[i - 1] == 'i' || types[i - 1] == 'z')
			result = put_integer(writer, i, va_arg(arguments, int64_t),
					     types[i - 1] == 'z');
		else if (types[i - 1] == 'r')
			result = sqlite3_bind_double(writer->insert, i, va_arg(arguments, double));
		else if (types[i - 1] == 's')
			result = sqlite3_bind_text(writer->insert, i,
						   va_arg(arguments, const char *), -1,
						   SQLITE_TRANSIENT);
		else
			result = sqlite3_bind_null(writer->insert, i);
	}
	va_end(arguments);
	if (result != SQLITE_OK)
		return result;
	result = sqlite3_step(writer->insert);
	sqlite3_reset(writer->insert);
	writer->done_rows++;
	if (writer->done_rows % PROGRESS_ROWS == 0)
		log_progress("writing the database: %s of about %s rows",
			     units__count(writer->done_rows).text,
			     units__count(writer->all_rows).text);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int put_meta(struct writer *writer)
{
	const struct report *report = writer->report;
	char time[32];
	struct tm utc;
	int result = begin_table(writer, "INSERT INTO meta VALUES(?, ?)");

	gmtime_r(&report->time.tv_sec, &utc);
	strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", &utc);
	if (result == SQLITE_OK)
		result = put_row(writer, "si", "schema_version", (int64_t)DATABASE_SCHEMA_VERSION);
	if (result == SQLITE_OK)
		result = put_row(writer, "ss", "pyfrag_version", PYFRAG_VERSION);
	if (result == SQLITE_OK)
		result = put_row(writer, "ss", "time", time);
	if (result == SQLITE_OK)
		result = put_row(writer, "ss", "host", report->host);
	return result;
}

static int put_process(struct writer *writer)
{
	const struct report *report = writer->report;
	const struct target *target = report->target;
	const struct heap_layout *layout = &report->findings->layout;
	_cleanup_free_ char *cmdline = report->no_values ? NULL : text__join(target->cmdline);
	int result =
		begin_table(writer, "INSERT INTO process VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	return result != SQLITE_OK
		       ? result
		       : put_row(writer, "isssssszziz", (int64_t)target->pid, target->comm, cmdline,
				 target->exe, target->cgroup, report->python->version,
				 report->allocator, (int64_t)layout->region_size,
				 (int64_t)layout->span_size, (int64_t)layout->map.alignment,
				 (int64_t)target->start_ticks);
}

static int put_arenas(struct writer *writer)
{
	const struct findings *findings = writer->report->findings;
	int result = begin_table(writer, "INSERT INTO arenas VALUES(?, ?, ?, ?)");

	for (size_t i = 0; i < findings->measure.totals.regions && result == SQLITE_OK; i++) {
		const struct region_totals *arena = &findings->measure.regions[i];
		bool pinned = pinned__is_pinned(arena, findings->pinned.below);

		result = put_row(writer, findings->has_arenas ? "iiii" : "iiin",
				 (int64_t)arena->address, (int64_t)arena->live_blocks,
				 (int64_t)arena->live_bytes, (int64_t)pinned);
	}
	return result;
}

static int64_t arena_of(const struct writer *writer, uint64_t address)
{
	const struct region *arena = heap__region_around(writer->contents->heap, address);

	return arena ? (int64_t)arena->address : 0;
}

/*
 * The number of the stack that took the pool, as in the table sites; STACK_UNKNOWN also without a
 * trace.
 */
static uint32_t pool_site(const struct writer *writer, uint64_t pool)
{
	const struct site_ledger *ledger = writer->contents->ledger;

	return ledger ? site_ledger__pool_stack(ledger, pool) : STACK_UNKNOWN;
}

static uint32_t block_site(const struct writer *writer, uint64_t block)
{
	const struct site_ledger *ledger = writer->contents->ledger;

	return ledger && site_ledger__keeps_blocks(ledger) ? site_ledger__block_stack(ledger, block)
							   : STACK_UNKNOWN;
}

static int put_pools(struct writer *writer)
{
	const struct block_table *blocks = &writer->census->blocks;
	int result = begin_table(writer, "INSERT INTO pools VALUES(?, ?, ?, ?, ?, ?)");

	if (!writer->report->findings->has_arenas)
		return result;
	for (size_t i = 0; i < blocks->span_cnt && result == SQLITE_OK; i++) {
		const struct block_span *pool = &blocks->spans[i];
		uint32_t site = pool_site(writer, pool->address);
		int64_t live = 0;

		for (uint32_t j = 0; j < pool->block_cnt; j++)
			live += block_kind__role(blocks->words[pool->first_place + j]) !=
				BLOCK_FREE;
		result = put_row(writer, site == STACK_UNKNOWN ? "iiiiin" : "iiiiii",
				 (int64_t)pool->address, arena_of(writer, pool->address),
				 (int64_t)pool->block_size, (int64_t)pool->block_cnt, live,
				 (int64_t)site);
	}
	return result;
}

static int put_types(struct writer *writer)
{
	const struct type_table *types = writer->census->types;
	int result = begin_table(writer, "INSERT INTO types VALUES(?, ?, ?, ?, ?)");

	for (uint32_t i = 0; i < type_table__cnt(types) && result == SQLITE_OK; i++) {
		const struct type *type = type_table__at(types, i);

		result = put_row(writer, "iisii", (int64_t)i, (int64_t)type->address, type->name,
				 (int64_t)type->basic_size, (int64_t)type->item_size);
	}
	return result;
}

static int put_kind(struct writer *writer, uint32_t kind)
{
	const struct census *census = writer->census;
	char name[KIND_BYTES], plain[KIND_BYTES];

	census_kinds__describe(census, kind, name, sizeof(name));
	census_kinds__describe(census, census__plain_kind(census, kind), plain, sizeof(plain));
	if (block_kind__role(kind) == BLOCK_UNKNOWN)
		return put_row(writer, "isnnss", (int64_t)kind, census_kinds__role(kind), name,
			       plain);
	return put_row(writer, "isisss", (int64_t)kind, census_kinds__role(kind),
		       (int64_t)block_kind__type(kind), census_kinds__part(kind), name, plain);
}

static int compare_kinds(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

/* Writes each kind that occurs once. */
static int put_kinds(struct writer *writer)
{
	const struct outside_objects *outside = writer->report->outside;
	const struct graph *graph = writer->contents->graph;
	size_t cnt = graph->node_cnt + (outside ? outside->row_cnt : 0);
	_cleanup_account_free_ uint32_t *kinds =
		account__calloc(writer->contents->heap->account, cnt + 1, sizeof(*kinds));
	int result;

	if (!kinds) {
		writer->memory_err = -errno;
		return SQLITE_NOMEM;
	}
	for (uint32_t node = 0; node < graph->node_cnt; node++)
		kinds[node] = graph__kind(graph, node);
	for (size_t i = graph->node_cnt; i < cnt; i++)
		kinds[i] = outside->rows[i - graph->node_cnt].kind;
	writer->memory_err = account__sort(writer->contents->heap->account, kinds, cnt,
					   sizeof(*kinds), compare_kinds);
	if (writer->memory_err)
		return SQLITE_NOMEM;
	result = begin_table(writer, "INSERT INTO kinds VALUES(?, ?, ?, ?, ?, ?)");
	for (size_t i = 0; i < cnt && result == SQLITE_OK; i++)
		if (block_kind__role(kinds[i]) != BLOCK_FREE && (!i || kinds[i] != kinds[i - 1]))
			result = put_kind(writer, kinds[i]);
	return result;
}

static int put_blocks(struct writer *writer)
{
	const struct block_table *blocks = &writer->census->blocks;
	bool has_pools = writer->report->findings->has_arenas;
	int result = begin_table(writer, "INSERT INTO blocks VALUES(?, ?, ?, ?, ?, ?, ?, ?)");

	for (size_t i = 0; i < blocks->span_cnt; i++) {
		const struct block_span *pool = &blocks->spans[i];
		int64_t arena = arena_of(writer, pool->address);

		for (uint32_t j = 0; j < pool->block_cnt && result == SQLITE_OK; j++) {
			uint32_t place = pool->first_place + j, kind = blocks->words[place], site;
			uint64_t address;

			if (block_kind__role(kind) == BLOCK_FREE)
				continue;
			address =
				pool->address + pool->first_block + (uint64_t)j * pool->block_size;
			site = block_site(writer, address);
			result =
				put_row(writer, site == STACK_UNKNOWN ? "iiziiiin" : "iiziiiii",
					(int64_t)place, (int64_t)address,
					has_pools ? (int64_t)pool->address : 0, arena,
					(int64_t)pool->block_size, (int64_t)(kind & ~BLOCK_TRACKED),
					(int64_t) !!(kind & BLOCK_TRACKED), (int64_t)site);
		}
	}
	return result;
}

/* Each with its holder: the previous object on the shortest path, or a root. */
static int put_objects(struct writer *writer)
{
	const struct graph *graph = writer->contents->graph;
	int result = begin_table(writer, "INSERT INTO objects VALUES(?, ?, ?, ?, ?, ?, ?)");

	for (uint32_t node = 0; node < graph->node_cnt && result == SQLITE_OK; node++) {
		uint32_t type = graph__type(graph, node), holder, root;
		char types[] = "iiiiinn";
		enum retention_end end;

		if (type == TYPE_NONE)
			continue;
		end = retention__holder(writer->contents->retention, node, &holder, &root);
		types[5] = end == RETENTION_OBJECT ? 'i' : 'n';
		types[6] = end == RETENTION_ROOT ? 'i' : 'n';
		result = put_row(writer, types, (int64_t)node, (int64_t)graph__address(graph, node),
				 (int64_t)type, (int64_t)graph__kind(graph, node),
				 (int64_t)(graph__block_bytes(graph, node) != 0),
				 end == RETENTION_OBJECT ? (int64_t)holder : (int64_t)root);
	}
	return result;
}

static int put_vias(struct writer *writer)
{
	const struct graph *graph = writer->contents->graph;
	int result = begin_table(writer, "INSERT INTO vias VALUES(?, ?)");

	for (size_t i = 0; i < graph->via_cnt && result == SQLITE_OK; i++) {
		_cleanup_free_ char *name = NULL;

		if (via__name(&name, graph, &graph->vias[i], writer->report->no_values))
			return SQLITE_NOMEM;
		result = put_row(writer, "is", (int64_t)i, name);
	}
	return result;
}

static int put_edges(struct writer *writer)
{
	const struct graph *graph = writer->contents->graph;
	int result = begin_table(writer, "INSERT INTO edges VALUES(?, ?, ?)");

	for (uint32_t from = 0; from < graph->node_cnt; from++)
		for (uint64_t i = graph->starts[from];
		     i < graph->starts[from + 1] && result == SQLITE_OK; i++)
			result = put_row(writer, "iii", (int64_t)from, (int64_t)graph->edges[i],
					 (int64_t)graph->edge_vias[i]);
	return result;
}

static int put_roots(struct writer *writer)
{
	const struct roots *roots = writer->contents->roots;
	int result = begin_table(writer, "INSERT INTO roots VALUES(?, ?, ?, ?)");

	for (size_t i = 0; i < roots->cnt && result == SQLITE_OK; i++)
		result = put_row(writer, "iiss", (int64_t)i, (int64_t)roots->roots[i].node,
				 root_kind_names[roots->roots[i].kind],
				 roots->labels[roots->roots[i].label]);
	return result;
}

/* The thread that has the region as a stack; 0: none. */
static pid_t thread_of(const struct memory_use *use, const struct memory_region *region)
{
	return region->part == MEMORY_STACKS && region->owner != STACK_UNOWNED
		       ? use->owners.stacks.items[region->owner].thread
		       : 0;
}

static int put_region(struct writer *writer, const struct memory_use *use,
		      const struct memory_region *region)
{
	const char *state = region->state ? memory_state_names[region->state] : NULL,
		   *path = use->smaps.mappings.items[region->mapping].path;

	if (!use->smaps.has_swap)
		return put_row(writer, "iiisssnz", (int64_t)region->start, (int64_t)region->end,
			       (int64_t)region->resident_bytes, memory_part_names[region->part],
			       path, state, (int64_t)thread_of(use, region));
	return put_row(writer, "iiisssiz", (int64_t)region->start, (int64_t)region->end,
		       (int64_t)region->resident_bytes, memory_part_names[region->part], path,
		       state, (int64_t)region->swap_bytes, (int64_t)thread_of(use, region));
}

static int put_regions(struct writer *writer)
{
	const struct memory_use *use = writer->report->memory_use;
	int result = begin_table(writer, "INSERT INTO regions VALUES(?, ?, ?, ?, ?, ?, ?, ?)");

	for (size_t i = 0; use && i < use->region_cnt && result == SQLITE_OK; i++)
		result = put_region(writer, use, &use->regions[i]);
	return result;
}

static int put_outside(struct writer *writer)
{
	const struct outside_objects *outside = writer->report->outside;
	const struct graph *graph = writer->contents->graph;
	int result = begin_table(writer, "INSERT INTO outside VALUES(?, ?, ?, ?, ?)");

	for (size_t i = 0; outside && i < graph->outside_cnt && result == SQLITE_OK; i++)
		if (outside->sizes[i])
			result = put_row(writer, "iiiii",
					 (int64_t)(graph->census->blocks.place_cnt + i),
					 (int64_t)graph->outside[i].address,
					 (int64_t)outside->sizes[i], (int64_t)outside->kinds[i],
					 (int64_t)graph->outside[i].owner);
	return result;
}

/* Only from a trace; a snapshot has none. */
static int put_sites(struct writer *writer)
{
	const struct site_ranking *sites = writer->report->sites;
	int result = begin_table(writer, "INSERT INTO sites VALUES(?, ?, ?, ?, ?, ?)");

	for (size_t i = 0; sites && i < sites->cnt && result == SQLITE_OK; i++) {
		const struct site_totals *totals = &sites->items[i].totals;

		result = put_row(writer, "irrrii", (int64_t)sites->items[i].id, totals->live_blocks,
				 totals->live_bytes,
				 sites->keeps_blocks ? totals->hostage_bytes
						     : totals->pool_hostage_bytes,
				 (int64_t)totals->pools_taken, (int64_t)totals->arenas_taken);
	}
	return result;
}

static int put_frames(struct writer *writer)
{
	const struct site_ranking *sites = writer->report->sites;
	int result = begin_table(writer, "INSERT INTO frames VALUES(?, ?, ?, ?, ?)");

	for (size_t i = 0; sites && i < sites->cnt; i++) {
		const struct stack *stack = &sites->items[i].stack;

		for (uint32_t j = 0; j < stack->frame_cnt && result == SQLITE_OK; j++)
			result = put_row(writer, "iissi", (int64_t)sites->items[i].id, (int64_t)j,
					 stack->frames[j].function, stack->frames[j].file,
					 (int64_t)stack->frames[j].line);
	}
	return result;
}

static int put_events(struct writer *writer)
{
	const struct report_tracing *tracing = writer->report->tracing;
	int result = begin_table(writer, "INSERT INTO events VALUES(?, ?)");

	if (!tracing)
		return result;
	const struct model_counts *counts = &tracing->totals.counts;
	const struct {
		const char *name;
		uint64_t cnt;
	} events[] = {
		{"allocs", counts->allocs},
		{"frees", counts->frees},
		{"new_pools", counts->new_spans},
		{"pools_freed", counts->spans_freed},
		{"arenas_mapped", counts->regions_mapped},
		{"arenas_unmapped", counts->regions_unmapped},
		{"freelist_clears", counts->freelist_clears},
		{"lost", counters__get(writer->report->counters, COUNTER_LOST)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(events) && result == SQLITE_OK; i++)
		result = put_row(writer, "si", events[i].name, (int64_t)events[i].cnt);
	return result;
}

static uint64_t count_rows(const struct graph *graph)
{
	return graph->starts[graph->node_cnt] + 2UL * graph->node_cnt;
}

static int write_tables(struct writer *writer)
{
	static int (*const tables[])(struct writer * writer) = {
		put_meta,    put_process, put_arenas, put_pools,  put_types, put_kinds,
		put_blocks,  put_objects, put_vias,   put_edges,  put_roots, put_regions,
		put_outside, put_sites,	  put_frames, put_events,
	};
	int result = execute(writer, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
				     "PRAGMA locking_mode = EXCLUSIVE;"
				     "PRAGMA application_id = " APPLICATION_ID ";"
				     "BEGIN;" DATABASE_TABLES);

	for (size_t i = 0; i < ARRAY_SIZE(tables) && result == SQLITE_OK; i++)
		result = tables[i](writer);
	sqlite3_finalize(writer->insert);
	return result == SQLITE_OK ? execute(writer, DATABASE_INDEXES DATABASE_VIEWS("") "COMMIT")
				   : result;
}

int database__write(int fd, const struct report *report, struct failure *failure)
{
	struct writer writer = {
		.report = report,
		.contents = report->contents,
		.census = report->contents->graph->census,
		.all_rows = count_rows(report->contents->graph),
	};
	int result = sqlite_file__open(&writer.db, fd, SQLITE_OPEN_READWRITE), err = 0;

	if (result == SQLITE_OK)
		result = write_tables(&writer);
	log_progress_done();
	if (writer.memory_err)
		err = shortage__describe(report->target, writer.memory_err, failure);
	else if (result != SQLITE_OK)
		err = failure__set(failure, result == SQLITE_NOMEM ? -ENOMEM : -EIO, "%s",
				   writer.db ? sqlite3_errmsg(writer.db) : sqlite3_errstr(result));
	sqlite3_close(writer.db);
	return err;
}

/* The file is opened only when there is something to write. */
static int check_file(struct report_output *output, struct failure *failure)
{
	return out_file__check(output->options->path, failure);
}

/* A single report is the complete database. */
static int write_file(struct report_output *output, const struct report *report,
		      struct failure *failure)
{
	const char *path = output->options->path;
	struct failure cause;
	int err = report_output__open_file(output, failure);

	if (err)
		return err;
	err = database__write(fileno(output->stream), report, &cause);
	if (err)
		return failure__set(failure, err, "cannot write %.500s: %s", path, cause.text);
	err = out_file__commit(output->file);
	return err ? failure__set(failure, err, "cannot write %.500s: %s", path, strerror(-err))
		   : 0;
}

const struct report_writer report_writer_database = {
	.name = "database",
	.summary = "an SQLite database, written once, when the trace ends, unless it ends "
		   "because the process exits or executes another program",
	.noun = "database",
	.at_end = true,
	.needs_graph = true,
	.needs_file = true,
	.is_binary = true,
	.begin = check_file,
	.write = write_file,
};
