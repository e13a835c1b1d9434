/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to a heap's database, see output/database.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "output/report_output.h"
#include "util/failure.h"

struct database;

struct database_options {
	int fd;		  /* to read it from; stays the caller's, as all in here */
	const char *name; /* for messages */
	/* Another one, whose tables then are those of "other": "other.blocks". */
	bool has_other;
	int other_fd;
	const char *other_name;
	double cpu_s;	       /* what all questions to it may take */
	uint64_t memory_bytes; /* and what SQLite may take for them */
};

/*
 * Opens a database for reading. It may come from anybody, see sqlite_guard.h: of the file only
 * tables are used, and the views of output/database_schema.h are made anew. Returns 0; -EINVAL if
 * it is none of pyfrag's, or one of another version; or another negative errno; @failure says what.
 * The caller closes; no two may be open at a time.
 */
int database__open(struct database **out, const struct database_options *options,
		   struct failure *failure);
void database__close(struct database *database);
void database__closep(struct database **database);

/* The same of the regular file at options->name; options->fd is of no interest. */
int database__open_path(struct database **out, const struct database_options *options,
			struct failure *failure);

/*
 * Writes the answer to @sql to @out, by @writer, which must be able to write rows. Nothing can be
 * changed by it. Returns 0; -EINVAL: the question is wrong, not allowed, or more
 * than one; -ETIME or -ENOMEM: it takes more than database_options allow; -EIO.
 */
int database__query(struct database *database, const char *sql, const struct report_writer *writer,
		    FILE *out, struct failure *failure);

/*
 * Calls @visit with the address of each block, and the plain name of what it holds. A block that
 * has none of either is damage: -EINVAL. Returns what that does if it is not 0, or as above.
 */
int database__visit_blocks(struct database *database,
			   int (*visit)(void *context, uint64_t address, const char *kind),
			   void *context, struct failure *failure);

/* Which process a database is of. */
struct database_process {
	int64_t pid;	     /* -1: not known */
	int64_t start_ticks; /* as process.h; -1: not known, as of a database of an older pyfrag */
};

/* Of the database itself, or of the other one. */
struct database_process database__process(struct database *database, bool of_other);

/* Whether they may be the same: what is not known says nothing against it. */
bool database_process__may_be(const struct database_process *a, const struct database_process *b);

/*
 * The SQL for @question, which is some, or the name of a view of ours or of a table: then it asks
 * for all of its rows. The caller frees. Returns 0; -EINVAL: a name of nothing, and @failure says
 * which views there are; -ENOMEM.
 */
int database__sql(char **sql, struct database *database, const char *question,
		  struct failure *failure);
