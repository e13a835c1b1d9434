// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "output/database_query.h"
#include "snapshot/heap_database.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/reader_gone.h"

/* Same as the view by_owner, for either database. */
#define DIFF_OWNERS(schema)                                                                        \
	"(SELECT kinds.name AS kind, count(*) AS blocks, sum(blocks.size) AS bytes FROM " schema   \
	".blocks JOIN " schema ".kinds ON kinds.id = blocks.kind GROUP BY 1)"

/* Blocks by kind, A - B, largest difference first. */
#define DIFF_KINDS                                                                                 \
	"WITH a AS " DIFF_OWNERS("main") ", b AS " DIFF_OWNERS(                                    \
		"other") " SELECT kind, sum(blocks) AS blocks, sum(bytes) AS bytes FROM"           \
			 " (SELECT kind, blocks, bytes FROM a UNION ALL SELECT kind, -blocks,"     \
			 " -bytes FROM b)"                                                         \
			 " GROUP BY kind HAVING sum(blocks) <> 0 OR sum(bytes) <> 0"               \
			 " ORDER BY abs(sum(bytes)) DESC, kind"

/* Arenas that only one of the two has, and those that are pinned only in A. */
#define DIFF_ARENAS                                                                                \
	"SELECT 'only in A' AS what, count(*) AS arenas, count(*) * (SELECT arena_size FROM"       \
	" main.process) AS bytes FROM main.arenas WHERE address NOT IN (SELECT address FROM"       \
	" other.arenas) UNION ALL SELECT 'only in B', count(*), count(*) * (SELECT arena_size"     \
	" FROM other.process) FROM other.arenas WHERE address NOT IN (SELECT address FROM"         \
	" main.arenas) UNION ALL SELECT 'pinned in A only', count(*), count(*) * (SELECT"          \
	" arena_size FROM main.process) FROM main.arenas WHERE pinned AND address NOT IN (SELECT"  \
	" address FROM other.arenas WHERE pinned)"

/* The processes and times of the two heaps. */
#define DIFF_HEAPS                                                                                 \
	"SELECT 'A' AS heap, (SELECT value FROM main.meta WHERE key = 'time') AS time, pid, comm"  \
	" FROM main.process UNION ALL SELECT 'B', (SELECT value FROM other.meta WHERE key ="       \
	" 'time'), pid, comm FROM other.process"

static void warn_if_others(struct database *database)
{
	struct database_process a = database__process(database, false),
				b = database__process(database, true);

	if (!database_process__may_be(&a, &b))
		log_warning("A and B are from different processes (pid %lld and %lld%s): their "
			    "totals are comparable, their addresses and arenas are not",
			    (long long)a.pid, (long long)b.pid,
			    a.pid == b.pid ? ", started at different times" : "");
}

static int write_diff(struct database *database, const struct options *options,
		      struct failure *failure)
{
	const struct report_writer *writer = options__writer(options);
	char sql[2048];
	int err;

	err = database__query(database, DIFF_HEAPS, writer, stdout, failure);
	if (err)
		return err;
	if (writer == &report_writer_text)
		fputc('\n', stdout);
	snprintf(sql, sizeof(sql), "%s LIMIT %u", DIFF_KINDS, options->snapshot.census.top);
	err = database__query(database, sql, writer, stdout, failure);
	if (err)
		return err;
	if (writer == &report_writer_text)
		fputc('\n', stdout);
	return database__query(database, DIFF_ARENAS, writer, stdout, failure);
}

static int run_diff(const struct options *options)
{
	_cleanup_(database__closep) struct database *database = NULL;
	_cleanup_close_ int a = -1, b = -1;
	struct failure failure;
	int err;

	if (options->argument_cnt != 2) {
		log_error("diff: give two arguments, each a database or a process ID");
		return -EINVAL;
	}
	a = heap_database__open(options->arguments[0], &options->snapshot, &failure);
	b = a < 0 ? a : heap_database__open(options->arguments[1], &options->snapshot, &failure);
	err = b < 0 ? b : 0;
	if (!err)
		err = database__open(&database,
				     &(struct database_options){
					     .fd = a,
					     .name = options->arguments[0],
					     .has_other = true,
					     .other_fd = b,
					     .other_name = options->arguments[1],
					     .cpu_s = options->snapshot.reading.database_cpu_s,
					     .memory_bytes =
						     options->snapshot.reading.max_memory_bytes,
				     },
				     &failure);
	if (!err)
		warn_if_others(database);
	if (!err)
		err = write_diff(database, options, &failure);
	if (err && !reader_gone__check(stdout))
		log_error("%s", failure.text);
	return err;
}

const struct command command_diff = {
	.name = "diff",
	.arguments = "A B [OPTIONS]",
	.summary = "compare two heaps",
	.description =
		"Shows the processes of A and of B, and then A minus B: blocks by kind "
		"(as in the view by_owner of a database), largest difference first, then arenas. "
		"A and B are heap databases written by `pyfrag snapshot -o FILE` or by `pyfrag "
		"trace` in the format \"database\", or process IDs, whose heaps pyfrag then reads.",
	.options = (const enum option_id[]){OPTION_TOP, OPTION_BELOW, OPTION_JSON,
					    OPTION_MAX_MEMORY, OPTION_MAX_CPU, OPTION_TIMEOUT,
					    OPTION_VERBOSE, OPTION_HELP, 0},
	.help = (const struct option_help[]){{OPTION_TOP, "show at most N kinds of blocks"},
					     {OPTION_BELOW,
					      "for process IDs: count an arena with live blocks as "
					      "pinned if its occupancy is below PERCENT"},
					     {OPTION_JSON, "write one JSON object per line"},
					     {OPTION_MAX_MEMORY,
					      "limit on the memory that pyfrag uses for each "
					      "process, and for the queries"},
					     {}},
	.run = run_diff,
};
