// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>

#include "cmd/commands.h"
#include "output/database_query.h"
#include "output/report_writers.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/reader_gone.h"

/* The sections of a report, in order. */
static const struct section {
	const char *title; /* NULL: none */
	const char *sql;
} sections[] = {
	{NULL,
	 "SELECT (SELECT value FROM meta WHERE key = 'time') AS time, pid, comm, python, allocator"
	 " FROM process"},
	{"Heap",
	 "SELECT count(*) AS arenas, count(*) * (SELECT arena_size FROM process) AS arena_bytes,"
	 " sum(live_blocks) AS live_blocks, sum(live_bytes) AS live_bytes, sum(pinned) AS "
	 "pinned_arenas"
	 " FROM arenas"},
	{"Pinned arenas, fewest live blocks first", "SELECT * FROM pinned_arenas LIMIT 20"},
	{"What pins them", "SELECT * FROM pins_by_kind LIMIT 20"},
	{"What is in the heap, by owner", "SELECT * FROM by_owner LIMIT 20"},
};

static int run_report(const struct options *options)
{
	const struct database_options of = {.name = options->arguments[0],
					    .cpu_s = options->snapshot.reading.database_cpu_s,
					    .memory_bytes =
						    options->snapshot.reading.max_memory_bytes};
	_cleanup_(database__closep) struct database *database = NULL;
	struct failure failure;
	int err;

	if (options->argument_cnt != 1) {
		log_error("report: FILE required, for example: pyfrag report heap.db");
		return -EINVAL;
	}
	err = database__open_path(&database, &of, &failure);
	for (size_t i = 0; i < ARRAY_SIZE(sections) && !err; i++) {
		if (sections[i].title)
			printf("\n%s\n", sections[i].title);
		err = database__query(database, sections[i].sql, &report_writer_text, stdout,
				      &failure);
	}
	if (err && !reader_gone__check(stdout))
		log_error("%s", failure.text);
	return err;
}

const struct command command_report = {
	.name = "report",
	.arguments = "FILE [OPTIONS]",
	.summary = "summarize a heap database (written by snapshot or trace)",
	.description = "Writes a report from the heap database FILE, written by `pyfrag snapshot "
		       "-o FILE` or by `pyfrag trace` in the format \"database\".",
	.options = (const enum option_id[]){OPTION_TIMEOUT, OPTION_MAX_MEMORY, OPTION_HELP, 0},
	.help = (const struct option_help[]){{OPTION_MAX_MEMORY,
					      "limit on the memory used for queries"},
					     {}},
	.run = run_report,
};
