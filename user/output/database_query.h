/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries to a heap's database; see output/database.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "output/report_output.h"
#include "util/failure.h"

struct database;

struct database_options {
	int fd;		  /* the database file; remains the caller's, as everything here */
	const char *name; /* for error messages */
	/* A second database, whose tables are those of schema "other": "other.blocks". */
	bool has_other;
	int other_fd;
	const char *other_name;
	double cpu_s;	       /* limit of CPU time for all queries together */
	uint64_t memory_bytes; /* limit of SQLite's memory */
};

/*
 * Opens a database for reading. The file is not trusted, see sqlite_guard.h: only its tables are
 * used, and the views of output/database_schema.h are created anew. Returns 0; -EINVAL if pyfrag
 * did not write it, or another schema version did; or another negative errno; errors are described
 * in @failure. The caller closes. Only one database may be open at a time.
 */
int database__open(struct database **out, const struct database_options *options,
		   struct failure *failure);
void database__close(struct database *database);
void database__closep(struct database **database);

/* As database__open(), for the regular file at options->name; ignores options->fd. */
int database__open_path(struct database **out, const struct database_options *options,
			struct failure *failure);

/*
 * Runs the query @sql and writes its rows to @out with @writer, which must have write_rows(). A
 * query cannot change anything. Returns 0; -EINVAL if the query is invalid, not permitted, or more
 * than one; -ETIME or -ENOMEM if it exceeds the limits in database_options; or -EIO.
 */
int database__query(struct database *database, const char *sql, const struct report_writer *writer,
		    FILE *out, struct failure *failure);

/*
 * Calls @visit for each block, with its address and the plain name of its kind. Returns what @visit
 * returned if that is not 0; -EINVAL if the database is damaged: a block has no address or no kind;
 * otherwise as database__query().
 */
int database__visit_blocks(struct database *database,
			   int (*visit)(void *context, uint64_t address, const char *kind),
			   void *context, struct failure *failure);

/* The process that a database describes. */
struct database_process {
	int64_t pid;	     /* -1: not known */
	int64_t start_ticks; /* as in struct target; -1: not known (older pyfrag) */
};

/* The process of the database itself, or of the second one. */
struct database_process database__process(struct database *database, bool of_other);

/* Whether both may be the same process; unknown values match any. */
bool database_process__may_be(const struct database_process *a, const struct database_process *b);

/*
 * Translates @question into SQL. The name of a table or of one of pyfrag's views becomes a query
 * for all of its rows; anything else is taken as SQL. The caller frees. Returns 0; -EINVAL if it is
 * the name of neither (@failure lists the views); or -ENOMEM.
 */
int database__sql(char **sql, struct database *database, const char *question,
		  struct failure *failure);
