// SPDX-License-Identifier: BSD-2-Clause
#include "output/database_query.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "output/database.h"
#include "output/database_schema.h"
#include "output/rows.h"
#include "output/sqlite_file.h"
#include "output/sqlite_guard.h"
#include "util/cleanup.h"
#include "util/regular_file.h"
#include "util/units.h"

struct database {
	sqlite3 *db;
	const char *name;
	struct sqlite_guard guard;
};

void database__close(struct database *database)
{
	if (!database)
		return;
	sqlite3_close(database->db);
	sqlite_guard__end();
	free(database);
}

void database__closep(struct database **database)
{
	database__close(*database);
}

static int describe(const struct database *database, int result, const char *what,
		    struct failure *failure)
{
	if (result == SQLITE_INTERRUPT)
		return failure__set(failure, -ETIME,
				    "%.500s exceeded the limit of %g s of CPU time (--timeout)",
				    what, database->guard.cpu_s);
	if (result == SQLITE_NOMEM)
		return failure__set(failure, -ENOMEM,
				    "%.500s exceeded the limit of %s of memory (--max-memory)",
				    what, units__bytes(database->guard.memory_bytes).text);
	return failure__set(failure,
			    result == SQLITE_ERROR || result == SQLITE_AUTH ? -EINVAL : -EIO,
			    "%.500s: %.400s", what, sqlite3_errmsg(database->db));
}

/* Gets the integer that @sql selects; -1 if there is none. Returns SQLite's result. */
static int ask_integer(const struct database *database, const char *sql, int64_t *value)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL);

	*value = -1;
	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result == SQLITE_ROW && sqlite3_column_type(statement, 0) == SQLITE_INTEGER)
		*value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return result;
}

static int check_version(const struct database *database, const char *schema, const char *name,
			 struct failure *failure)
{
	char sql[128];
	int64_t version;
	int result;

	snprintf(sql, sizeof(sql), "SELECT value FROM %s.meta WHERE key = 'schema_version'",
		 schema);
	result = ask_integer(database, sql, &version);
	if (result == SQLITE_INTERRUPT || result == SQLITE_NOMEM)
		return describe(database, result, name, failure);
	if (version < 0)
		return failure__set(failure, -EINVAL,
				    "%.500s is not a pyfrag heap database (create one with: pyfrag "
				    "snapshot -p PID -o FILE)",
				    name);
	if (version != DATABASE_SCHEMA_VERSION)
		return failure__set(failure, -EINVAL,
				    "%.500s has schema version %lld; this pyfrag reads version %d",
				    name, (long long)version, DATABASE_SCHEMA_VERSION);
	return 0;
}

static int attach(const struct database *database, int fd)
{
	char name[SQLITE_FILE_NAME_BYTES], sql[128];

	sqlite_file__name(name, fd);
	snprintf(sql, sizeof(sql), "ATTACH '%s' AS other", name);
	return sqlite3_exec(database->db, sql, NULL, NULL, NULL);
}

/* Restricts what the database may do, and checks that pyfrag wrote it. */
static int set_up(struct database *database, const struct database_options *options,
		  struct failure *failure)
{
	int result = sqlite_guard__begin(&database->guard, database->db), err;

	if (result == SQLITE_OK && options->has_other) {
		result = attach(database, options->other_fd);
		if (result != SQLITE_OK)
			return describe(database, result, options->other_name, failure);
	}
	if (result == SQLITE_OK)
		result = sqlite3_exec(database->db, DATABASE_VIEWS("TEMP "), NULL, NULL, NULL);
	if (result == SQLITE_OK)
		result = sqlite_guard__lock(database->db);
	/* SQLite does not accept the file as a database. */
	if (result != SQLITE_OK)
		return describe(database, result, options->name, failure);
	err = check_version(database, "main", options->name, failure);
	return err || !options->has_other
		       ? err
		       : check_version(database, "other", options->other_name, failure);
}

int database__open(struct database **out, const struct database_options *options,
		   struct failure *failure)
{
	_cleanup_(database__closep) struct database *database = calloc(1, sizeof(*database));
	int result, err;

	if (!database)
		return failure__set(failure, -ENOMEM, "out of memory");
	database->name = options->name;
	database->guard = (struct sqlite_guard){.cpu_s = options->cpu_s,
						.memory_bytes = options->memory_bytes};
	result = sqlite_file__open(&database->db, options->fd, SQLITE_OPEN_READONLY);
	if (result != SQLITE_OK)
		return describe(database, result, options->name, failure);
	err = set_up(database, options, failure);
	if (!err)
		*out = TAKE_PTR(database);
	return err;
}

int database__open_path(struct database **out, const struct database_options *given,
			struct failure *failure)
{
	_cleanup_close_ int fd = regular_file__open("cannot open", given->name, failure);
	struct database_options options = *given;

	if (fd < 0)
		return fd;
	options.fd = fd;
	return database__open(out, &options, failure);
}

struct database_process database__process(struct database *database, bool of_other)
{
	struct database_process process;

	ask_integer(database,
		    of_other ? "SELECT pid FROM other.process" : "SELECT pid FROM main.process",
		    &process.pid);
	ask_integer(database,
		    of_other ? "SELECT start_ticks FROM other.process"
			     : "SELECT start_ticks FROM main.process",
		    &process.start_ticks);
	return process;
}

bool database_process__may_be(const struct database_process *a, const struct database_process *b)
{
	return (a->pid == b->pid || a->pid < 0 || b->pid < 0) &&
	       (a->start_ticks == b->start_ticks || a->start_ticks < 0 || b->start_ticks < 0);
}

static bool has_table(const struct database *database, const char *name)
{
	char *sql =
		sqlite3_mprintf("SELECT (SELECT count(*) FROM sqlite_temp_master WHERE name = %Q)"
				" + (SELECT count(*) FROM main.sqlite_master WHERE name = %Q"
				" AND type = 'table')",
				name, name);
	int64_t cnt = 0;

	if (sql)
		ask_integer(database, sql, &cnt);
	sqlite3_free(sql);
	return cnt > 0;
}

static bool is_name(const char *text)
{
	return *text && !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_")];
}

static int refuse_name(const struct database *database, const char *name, struct failure *failure)
{
	static const char sql[] = "SELECT group_concat(name, ', ') FROM (SELECT name FROM"
				  " sqlite_temp_master WHERE type = 'view' ORDER BY rowid)";
	sqlite3_stmt *statement = NULL;
	const char *views = NULL;

	if (sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		views = (const char *)sqlite3_column_text(statement, 0);
	failure__set(failure, -EINVAL, "no such view: '%.200s'; available: %.700s", name,
		     views ?: "none");
	sqlite3_finalize(statement);
	return -EINVAL;
}

int database__sql(char **sql, struct database *database, const char *question,
		  struct failure *failure)
{
	bool has = !strchr(question, '"') && has_table(database, question);

	if (!has && is_name(question))
		return refuse_name(database, question, failure);
	if (has && asprintf(sql, "SELECT * FROM \"%s\"", question) < 0)
		return failure__set(failure, -ENOMEM, "out of memory");
	if (has)
		return 0;
	*sql = strdup(question);
	return *sql ? 0 : failure__set(failure, -ENOMEM, "out of memory");
}

static int write_rows(struct database *database, sqlite3_stmt *statement,
		      const struct report_writer *writer, FILE *out, struct failure *failure)
{
	int result = SQLITE_ROW, err;

	if (sqlite3_column_count(statement) > ROWS_COLUMNS_MAX)
		return failure__set(failure, -EINVAL, "the query returns more than %d columns",
				    ROWS_COLUMNS_MAX);
	err = writer->write_rows(statement, out, &result);
	if (err)
		return failure__set(failure, err, "cannot write the result: %s", strerror(-err));
	if (result != SQLITE_DONE && !ferror(out))
		return describe(database, result, "the query", failure);
	return fflush(out) || ferror(out)
		       ? failure__set(failure, -EIO, "cannot write the result: %s", strerror(errno))
		       : 0;
}

/* Whether @sql contains anything but comments and semicolons. */
static bool has_statement(const struct database *database, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL);
	bool has = statement || result != SQLITE_OK;

	sqlite3_finalize(statement);
	return has;
}

int database__query(struct database *database, const char *sql, const struct report_writer *writer,
		    FILE *out, struct failure *failure)
{
	sqlite3_stmt *statement = NULL;
	const char *rest = "";
	int result = sqlite3_prepare_v2(database->db, sql, -1, &statement, &rest), err;

	if (result != SQLITE_OK)
		return describe(database, result, "the query", failure);
	if (!statement)
		return failure__set(failure, -EINVAL, "the query is empty");
	if (has_statement(database, rest)) {
		sqlite3_finalize(statement);
		return failure__set(failure, -EINVAL,
				    "more than one SQL statement; give one at a time");
	}
	err = sqlite3_stmt_readonly(statement)
		      ? write_rows(database, statement, writer, out, failure)
		      : failure__set(failure, -EINVAL, "the query is not read-only");
	sqlite3_finalize(statement);
	return err;
}

/* Passes on a row that consists of an address and a name. */
static int visit_row(struct database *database, sqlite3_stmt *statement,
		     int (*visit)(void *context, uint64_t address, const char *kind), void *context,
		     struct failure *failure)
{
	const char *kind = (const char *)sqlite3_column_text(statement, 1);

	if (sqlite3_column_type(statement, 0) != SQLITE_INTEGER || !kind)
		return failure__set(failure, -EINVAL,
				    "%.500s is damaged: a block has no address, or no kind",
				    database->name);
	return visit(context, (uint64_t)sqlite3_column_int64(statement, 0), kind);
}

int database__visit_blocks(struct database *database,
			   int (*visit)(void *context, uint64_t address, const char *kind),
			   void *context, struct failure *failure)
{
	static const char sql[] = "SELECT blocks.address, kinds.plain_name FROM main.blocks"
				  " JOIN main.kinds ON kinds.id = blocks.kind";
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL), err = 0;

	while (!err && (result == SQLITE_OK || result == SQLITE_ROW)) {
		result = sqlite3_step(statement);
		if (result == SQLITE_ROW)
			err = visit_row(database, statement, visit, context, failure);
	}
	if (!err && result != SQLITE_DONE)
		err = describe(database, result, database->name, failure);
	sqlite3_finalize(statement);
	return err;
}
