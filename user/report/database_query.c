// SPDX-License-Identifier: BSD-2-Clause
#include "report/database_query.h"

#include <errno.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "report/database.h"
#include "report/json_values.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/text.h"

#define COLUMNS_MAX 64
/* Columns are as wide as the widest of so many rows; no column is wider than that. */
#define MEASURED_ROWS 1000
#define WIDTH_MAX     100

struct database {
	sqlite3 *db;
};

/* Rows of text that wait until it is known how wide the columns are. */
struct table {
	FILE *out;
	int column_cnt;
	int widths[COLUMNS_MAX];
	bool is_number[COLUMNS_MAX];
	char **cells;
	size_t cell_cnt, cell_capacity;
	bool is_measured;
};

void database__close(struct database *database)
{
	if (database)
		sqlite3_close(database->db);
	free(database);
}

void database__closep(struct database **database)
{
	database__close(*database);
}

static int describe(const struct database *database, int result, const char *what,
		    struct failure *failure)
{
	int err = result == SQLITE_NOMEM ? -ENOMEM : result == SQLITE_ERROR ? -EINVAL : -EIO;

	return failure__set(failure, err, "%s: %s", what, sqlite3_errmsg(database->db));
}

/* The integer that @sql asks for; -1 if there is none. */
static int64_t ask_integer(const struct database *database, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	int64_t value = -1;

	if (sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return value;
}

static int check_version(const struct database *database, const char *schema, const char *path,
			 struct failure *failure)
{
	char sql[128];
	int64_t version;

	snprintf(sql, sizeof(sql), "SELECT value FROM %s.meta WHERE key = 'schema_version'",
		 schema);
	version = ask_integer(database, sql);
	if (version < 0)
		return failure__set(failure, -EINVAL,
				    "%s: is no heap's database (make one with: pyfrag snapshot "
				    "-p PID -o FILE)",
				    path);
	if (version != DATABASE_SCHEMA_VERSION)
		return failure__set(failure, -EINVAL,
				    "%s: has version %lld of the schema, this pyfrag knows %d",
				    path, (long long)version, DATABASE_SCHEMA_VERSION);
	return 0;
}

int database__open(struct database **out, const char *path, struct failure *failure)
{
	_cleanup_(database__closep) struct database *database = calloc(1, sizeof(*database));
	int result, err;

	if (!database)
		return failure__set(failure, -ENOMEM, "out of memory");
	result = sqlite3_open_v2(path, &database->db, SQLITE_OPEN_READONLY, NULL);
	if (result != SQLITE_OK)
		return describe(database, result, path, failure);
	err = check_version(database, "main", path, failure);
	if (!err)
		*out = TAKE_PTR(database);
	return err;
}

int database__attach(struct database *database, const char *path, const char *name,
		     struct failure *failure)
{
	char *sql = sqlite3_mprintf("ATTACH %Q AS \"%w\"", path, name);
	int result = sql ? sqlite3_exec(database->db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;

	sqlite3_free(sql);
	if (result != SQLITE_OK)
		return describe(database, result, path, failure);
	return check_version(database, name, path, failure);
}

bool database__has_table(struct database *database, const char *name)
{
	char *sql = sqlite3_mprintf("SELECT count(*) FROM sqlite_master WHERE name = %Q", name);
	bool found = sql && ask_integer(database, sql) > 0;

	sqlite3_free(sql);
	return found;
}

static void write_cell(const struct table *table, int column, const char *text)
{
	bool is_last = column + 1 == table->column_cnt;

	if (table->is_number[column])
		fprintf(table->out, "%*s", table->widths[column], text);
	else
		fprintf(table->out, "%-*s", is_last ? 0 : table->widths[column], text);
	fputs(is_last ? "\n" : "  ", table->out);
}

/* Writes the rows that waited. */
static void flush(struct table *table)
{
	for (size_t i = 0; i < table->cell_cnt; i++) {
		write_cell(table, (int)(i % (size_t)table->column_cnt), table->cells[i]);
		free(table->cells[i]);
	}
	table->cell_cnt = 0;
	table->is_measured = true;
}

static void table__release(struct table *table)
{
	for (size_t i = 0; i < table->cell_cnt; i++)
		free(table->cells[i]);
	free(table->cells);
}

/* How wide a text is on a terminal, about. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width < WIDTH_MAX ? width : WIDTH_MAX;
}

static int add_cell(struct table *table, int column, const char *text)
{
	_cleanup_free_ char *copy = text__to_utf8(text ? text : "");
	int width;

	if (!copy)
		return -ENOMEM;
	text__make_printable(copy);
	if (table->is_measured) {
		write_cell(table, column, copy);
		return 0;
	}
	width = width_of(copy);
	if (width > table->widths[column])
		table->widths[column] = width;
	if (ARRAY_RESERVE(table->cells, table->cell_capacity, table->cell_cnt + 1))
		return -ENOMEM;
	table->cells[table->cell_cnt++] = TAKE_PTR(copy);
	if (table->cell_cnt >= MEASURED_ROWS * (size_t)table->column_cnt)
		flush(table);
	return 0;
}

static int add_text_row(struct table *table, sqlite3_stmt *statement)
{
	int err = 0;

	for (int i = 0; i < table->column_cnt && !err; i++) {
		int type = sqlite3_column_type(statement, i);

		table->is_number[i] = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
		err = add_cell(table, i, (const char *)sqlite3_column_text(statement, i));
	}
	return err;
}

static json_t *json_of(sqlite3_stmt *statement, int column)
{
	switch (sqlite3_column_type(statement, column)) {
	case SQLITE_INTEGER:
		return json_integer(sqlite3_column_int64(statement, column));
	case SQLITE_FLOAT:
		return json_real(sqlite3_column_double(statement, column));
	case SQLITE_NULL:
		return json_null();
	default:
		return json_values__text((const char *)sqlite3_column_text(statement, column));
	}
}

static int write_json_row(sqlite3_stmt *statement, FILE *out)
{
	json_t *row = json_object();
	int err = row ? 0 : -ENOMEM;

	for (int i = 0; i < sqlite3_column_count(statement) && !err; i++)
		if (json_object_set_new(row, sqlite3_column_name(statement, i),
					json_of(statement, i)))
			err = -ENOMEM;
	if (!err && (json_dumpf(row, out, JSON_COMPACT) || fputc('\n', out) == EOF))
		err = -EIO;
	json_decref(row);
	return err;
}

static int write_rows(struct database *database, sqlite3_stmt *statement, bool json, FILE *out,
		      struct failure *failure)
{
	_cleanup_(table__release) struct table table = {.out = out,
							.column_cnt =
								sqlite3_column_count(statement)};
	int result = SQLITE_ROW, err = 0;

	if (table.column_cnt > COLUMNS_MAX)
		return failure__set(failure, -EINVAL, "more than %d columns", COLUMNS_MAX);
	for (int i = 0; i < table.column_cnt && !json && !err; i++)
		err = add_cell(&table, i, sqlite3_column_name(statement, i));
	while (!err) {
		result = sqlite3_step(statement);
		if (result != SQLITE_ROW)
			break;
		err = json ? write_json_row(statement, out) : add_text_row(&table, statement);
	}
	if (err)
		return failure__set(failure, err, "cannot write the answer: %s", strerror(-err));
	if (result != SQLITE_DONE)
		return describe(database, result, "the question", failure);
	flush(&table);
	return fflush(out) || ferror(out)
		       ? failure__set(failure, -EIO, "cannot write the answer: %s", strerror(errno))
		       : 0;
}

int database__query(struct database *database, const char *sql, bool json, FILE *out,
		    struct failure *failure)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL), err;

	if (result != SQLITE_OK)
		return describe(database, result, "the question", failure);
	if (!statement)
		return failure__set(failure, -EINVAL, "the question is empty");
	err = write_rows(database, statement, json, out, failure);
	sqlite3_finalize(statement);
	return err;
}

int database__visit_blocks(struct database *database,
			   int (*visit)(void *context, uint64_t address, const char *kind),
			   void *context, struct failure *failure)
{
	static const char sql[] = "SELECT blocks.address, kinds.plain_name FROM blocks"
				  " JOIN kinds ON kinds.id = blocks.kind";
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL), err = 0;

	while (result == SQLITE_OK || result == SQLITE_ROW) {
		result = sqlite3_step(statement);
		if (result != SQLITE_ROW)
			break;
		err = visit(context, (uint64_t)sqlite3_column_int64(statement, 0),
			    (const char *)sqlite3_column_text(statement, 1));
		if (err)
			break;
	}
	if (!err && result != SQLITE_DONE)
		err = describe(database, result, "the blocks", failure);
	sqlite3_finalize(statement);
	return err;
}
