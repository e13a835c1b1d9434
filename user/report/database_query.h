/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to a heap's database, see report/database.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/failure.h"

struct database;

/*
 * Opens the database at @path for reading. Returns 0; -EINVAL if that is none of pyfrag's, or one of another version;
 * or -EIO; @failure says what. The caller closes.
 */
int database__open(struct database **out, const char *path, struct failure *failure);
void database__close(struct database *database);
void database__closep(struct database **database);

/* Opens another one, whose tables then are those of @name: "other.blocks". As above. */
int database__attach(struct database *database, const char *path, const char *name,
		     struct failure *failure);

/*
 * Writes the answer to @sql to @out: as a table with a heading, or, with @json, an object a line. Nothing can be
 * changed by it. Returns 0, -EINVAL if the question is wrong, -EIO, -ENOMEM.
 */
int database__query(struct database *database, const char *sql, bool json, FILE *out,
		    struct failure *failure);

/*
 * Calls @visit with the address of each block, and the plain name of what it holds. Returns what that does if it is
 * not 0, or as above.
 */
int database__visit_blocks(struct database *database,
			   int (*visit)(void *context, uint64_t address, const char *kind),
			   void *context, struct failure *failure);

/* Whether there is a table or view of that name. */
bool database__has_table(struct database *database, const char *name);
