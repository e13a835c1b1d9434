// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "output/database_query.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/reader_gone.h"

static int run_query(const struct options *options)
{
	const struct database_options of = {.name = options->arguments[0],
					    .cpu_s = options->snapshot.reading.database_cpu_s,
					    .memory_bytes =
						    options->snapshot.reading.max_memory_bytes};
	_cleanup_(database__closep) struct database *database = NULL;
	_cleanup_free_ char *sql = NULL;
	struct failure failure;
	int err;

	if (options->argument_cnt != 2) {
		log_error("query: FILE and a view or an SQL query required, for example: pyfrag "
			  "query heap.db by_type");
		return -EINVAL;
	}
	err = database__open_path(&database, &of, &failure);
	if (!err)
		err = database__sql(&sql, database, options->arguments[1], &failure);
	if (!err)
		err = database__query(database, sql, options__writer(options), stdout, &failure);
	if (err && !reader_gone__check(stdout))
		log_error("%s", failure.text);
	return err;
}

const struct command command_query = {
	.name = "query",
	.arguments = "FILE VIEW|SQL [OPTIONS]",
	.summary = "run a view or an SQL query on a heap database",
	.description =
		"Runs a query on the heap database FILE, written by `pyfrag snapshot -o FILE` or "
		"by `pyfrag trace` in the format \"database\", and prints the result. The "
		"available views are by_type, by_owner, by_size, by_arena, by_referrers, by_via, "
		"pinned_arenas, pinning_blocks, pins_by_kind, memory, outside_by_kind and by_site. "
		"docs/database.md describes the tables. SQL queries are read-only. FILE can come "
		"from an untrusted source.",
	.options = (const enum option_id[]){OPTION_JSON, OPTION_TIMEOUT, OPTION_MAX_MEMORY,
					    OPTION_HELP, 0},
	.help = (const struct option_help[]){{OPTION_MAX_MEMORY,
					      "limit on the memory used for queries"},
					     {OPTION_JSON, "write one JSON object per line"},
					     {}},
	.run = run_query,
};
