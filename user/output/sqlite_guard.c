// SPDX-License-Identifier: BSD-2-Clause
#include "output/sqlite_guard.h"

#include <string.h>
#include <time.h>

#include "util/cleanup.h"
#include "util/clock.h"

/* Instructions of SQLite's virtual machine between two checks of the clock: about 100 us. */
#define STEPS 10000

/*
 * A single instruction can search a value of this size for one of half the size, byte by byte. At
 * this size it takes some seconds, during which the clock is not checked. The longest values that
 * queries need are joined type names.
 */
#define VALUE_BYTES_MAX (1 << 20)

static const struct {
	int id, value;
} limits[] = {
	{SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX},
	{SQLITE_LIMIT_SQL_LENGTH, 64 << 10},
	{SQLITE_LIMIT_COLUMN, 100},
	{SQLITE_LIMIT_EXPR_DEPTH, 100},
	{SQLITE_LIMIT_COMPOUND_SELECT, 20},
	{SQLITE_LIMIT_VDBE_OP, 25000},
	{SQLITE_LIMIT_FUNCTION_ARG, 16},
	{SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100},
	{SQLITE_LIMIT_VARIABLE_NUMBER, 10},
	{SQLITE_LIMIT_TRIGGER_DEPTH, 1},
	{SQLITE_LIMIT_WORKER_THREADS, 0},
};

static const struct {
	int id, value;
} switches[] = {
	{SQLITE_DBCONFIG_DEFENSIVE, 1},
	{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
	{SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
	{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
	/* Views in the file. Temporary ones are pyfrag's own and still work (SQLite 3.35). */
	{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
	{SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
	{SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
};

/* Functions whose result size and run time are bounded by their arguments; sorted. */
static const char *const functions[] = {
	"abs",	       "avg",	    "ceil",   "ceiling",      "char",	      "coalesce",
	"count",       "cume_dist", "date",   "datetime",     "dense_rank",   "exp",
	"first_value", "floor",	    "format", "glob",	      "group_concat", "hex",
	"ifnull",      "iif",	    "instr",  "julianday",    "lag",	      "last_value",
	"lead",	       "length",    "like",   "ln",	      "log",	      "log10",
	"log2",	       "lower",	    "ltrim",  "max",	      "min",	      "mod",
	"nth_value",   "ntile",	    "nullif", "percent_rank", "pow",	      "power",
	"printf",      "quote",	    "rank",   "replace",      "round",	      "row_number",
	"rtrim",       "sign",	    "sqrt",   "strftime",     "substr",	      "substring",
	"sum",	       "time",	    "total",  "trim",	      "trunc",	      "typeof",
	"unicode",     "unixepoch", "upper",
};

static bool is_listed(const char *function)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (!sqlite3_stricmp(function, functions[i]))
			return true;
	return false;
}

static int authorize(void *context, int action, const char *first, const char *second,
		     const char *schema, const char *view)
{
	(void)context;
	(void)first;
	(void)schema;
	(void)view;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return second && is_listed(second) ? SQLITE_OK : SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

/* A non-zero result ends the query. */
static int check_time(void *context)
{
	struct sqlite_guard *guard = context;

	guard->has_expired |= clock_ns(CLOCK_THREAD_CPUTIME_ID) > guard->end_ns;
	return guard->has_expired;
}

int sqlite_guard__begin(struct sqlite_guard *guard, sqlite3 *db)
{
	int result = SQLITE_OK;

	guard->end_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) + (uint64_t)(guard->cpu_s * 1e9);
	sqlite3_hard_heap_limit64((sqlite3_int64)guard->memory_bytes);
	sqlite3_progress_handler(db, STEPS, check_time, guard);
	sqlite3_extended_result_codes(db, 0);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		sqlite3_limit(db, limits[i].id, limits[i].value);
	for (size_t i = 0; i < ARRAY_SIZE(switches) && result == SQLITE_OK; i++)
		result = sqlite3_db_config(db, switches[i].id, switches[i].value, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_drop_modules(db, NULL);
	/* Allow no other file: a sort that does not fit in memory fails. */
	return result != SQLITE_OK
		       ? result
		       : sqlite3_exec(db,
				      "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
				      "PRAGMA cell_size_check = ON;",
				      NULL, NULL, NULL);
}

int sqlite_guard__lock(sqlite3 *db)
{
	int result = sqlite3_exec(db, "PRAGMA query_only = ON", NULL, NULL, NULL);

	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	return result == SQLITE_OK ? sqlite3_set_authorizer(db, authorize, NULL) : result;
}

void sqlite_guard__end(void)
{
	sqlite3_hard_heap_limit64(0);
}
