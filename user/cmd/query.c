// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/commands.h"
#include "report/database_query.h"
#include "util/cleanup.h"
#include "util/log.h"

static int run_query(const struct options *options)
{
	_cleanup_(database__closep) struct database *database = NULL;
	_cleanup_free_ char *sql = NULL;
	struct failure failure;
	int err;

	if (options->argument_cnt != 2) {
		log_error("query: what? give a database and a view or a question: "
			  "heap.db by_type");
		return -EINVAL;
	}
	err = database__open(&database, options->arguments[0], &failure);
	if (!err && database__has_table(database, options->arguments[1]) &&
	    asprintf(&sql, "SELECT * FROM \"%s\"", options->arguments[1]) < 0)
		err = failure__set(&failure, -ENOMEM, "out of memory");
	if (!err)
		err = database__query(database, sql ? sql : options->arguments[1],
				      options->format == FORMAT_JSON, stdout, &failure);
	if (err)
		log_error("%s", failure.text);
	return err;
}

const struct command command_query = {
	.name = "query",
	.arguments = "FILE VIEW|SQL [OPTIONS]",
	.summary = "ask the database of a heap",
	.description =
		"Answers from a database that `pyfrag snapshot -o FILE` has written. The views: by_type, by_owner,\n"
		"by_size, by_arena, by_referrers, by_via, pinned_arenas, pinning_blocks, pins_by_kind. docs/database.md\n"
		"describes the tables, for questions in SQL.",
	.options = (const enum option_id[]){OPTION_JSON, OPTION_HELP, 0},
	.run = run_query,
};
