/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a database is allowed to do to pyfrag, and what a question may do to anything.
 *
 * A database may come from anybody, and SQLite runs what is in it: views and triggers, virtual
 * tables, expressions in the schema, all of which may take any time and memory; its pages may be
 * damaged on purpose. And a question in SQL can write files (VACUUM INTO, ATTACH) and load
 * libraries. So, as https://sqlite.org/security.html advises for untrusted databases: nothing of
 * the file's own is run, limits are low, pages are checked as they are read, only reading is
 * authorized, by functions from a list, and both time and memory are bounded.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct sqlite_guard {
	double cpu_s;	       /* what questions may take altogether */
	uint64_t memory_bytes; /* what SQLite may take, in all of this process */
	uint64_t end_ns;       /* CLOCK_THREAD_CPUTIME_ID */
	bool has_expired;      /* the time is used up */
};

/*
 * Before anything of the database is looked at. @guard, of which the first two are set, must live
 * as long as @db. Returns SQLite's result.
 */
int sqlite_guard__begin(struct sqlite_guard *guard, sqlite3 *db);

/*
 * From here on @db only reads: no PRAGMA, ATTACH, or function that is not on the list. Returns
 * SQLite's result.
 */
int sqlite_guard__lock(sqlite3 *db);

/* When the database is closed: others that this process opens later are not bounded any more. */
void sqlite_guard__end(void);
