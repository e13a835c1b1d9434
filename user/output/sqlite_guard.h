/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits what a database can do to pyfrag, and what a query can do at all.
 *
 * A database may come from anyone, and SQLite runs what it contains: views and triggers, virtual
 * tables, and expressions in the schema, with unlimited time and memory; its pages may be damaged
 * on purpose. A query in SQL can also write files (VACUUM INTO, ATTACH) and load libraries. So, as
 * https://sqlite.org/security.html advises for untrusted databases: nothing from the file is run,
 * limits are low, pages are checked when they are read, only reading is permitted, with functions
 * from a list, and both time and memory are bounded.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct sqlite_guard {
	double cpu_s;	       /* CPU time for all queries together */
	uint64_t memory_bytes; /* for SQLite, in the whole process */
	uint64_t end_ns;       /* CLOCK_THREAD_CPUTIME_ID */
	bool has_expired;      /* the CPU time is used up */
};

/*
 * Call this before reading anything from the database. The caller sets the first two members of
 * @guard, which must live as long as @db. Returns SQLite's result.
 */
int sqlite_guard__begin(struct sqlite_guard *guard, sqlite3 *db);

/*
 * From here on, @db is read-only: no PRAGMA, no ATTACH, no functions that are not on the list.
 * Returns SQLite's result.
 */
int sqlite_guard__lock(sqlite3 *db);

/* Call this after closing the database: lifts the memory limit for later ones in this process. */
void sqlite_guard__end(void);
