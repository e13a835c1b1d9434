// SPDX-License-Identifier: BSD-2-Clause
#include "output/rows.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/cleanup.h"
#include "util/text.h"

/* A column is as wide as its widest cell in the first MEASURED_ROWS rows, at most WIDTH_MAX. */
#define MEASURED_ROWS 1000
#define WIDTH_MAX     100

/* With more text than this, fewer rows are measured. */
#define WAITING_BYTES_MAX (1UL << 20)

/* A table. Rows are held back until the widths of its columns are known. */
struct table {
	FILE *out;
	int column_cnt;
	int widths[ROWS_COLUMNS_MAX];
	bool is_number[ROWS_COLUMNS_MAX];
	char **cells;
	size_t cell_cnt, cell_capacity, cell_bytes;
	bool is_measured;
};

static void write_cell(const struct table *table, int column, const char *text)
{
	bool is_last = column + 1 == table->column_cnt;

	if (table->is_number[column])
		fprintf(table->out, "%*s", table->widths[column], text);
	else
		fprintf(table->out, "%-*s", is_last ? 0 : table->widths[column], text);
	fputs(is_last ? "\n" : "  ", table->out);
}

/* Writes the rows held back. */
static void flush(struct table *table)
{
	for (size_t i = 0; i < table->cell_cnt; i++) {
		write_cell(table, (int)(i % (size_t)table->column_cnt), table->cells[i]);
		free(table->cells[i]);
	}
	table->cell_cnt = table->cell_bytes = 0;
	table->is_measured = true;
}

static void table__release(struct table *table)
{
	for (size_t i = 0; i < table->cell_cnt; i++)
		free(table->cells[i]);
	free(table->cells);
}

/* Approximate width of a text on a terminal. */
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
	table->cell_bytes += strlen(copy);
	table->cells[table->cell_cnt++] = TAKE_PTR(copy);
	if (table->cell_cnt >= MEASURED_ROWS * (size_t)table->column_cnt ||
	    table->cell_bytes > WAITING_BYTES_MAX)
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

int text_rows__write(sqlite3_stmt *statement, FILE *out, int *result)
{
	_cleanup_(table__release) struct table table = {
		.out = out,
		.column_cnt = sqlite3_column_count(statement),
	};
	int err = 0;

	for (int i = 0; i < table.column_cnt && !err; i++)
		err = add_cell(&table, i, sqlite3_column_name(statement, i));
	while (!err) {
		*result = sqlite3_step(statement);
		if (*result != SQLITE_ROW || ferror(out))
			break;
		err = add_text_row(&table, statement);
	}
	/* After an error, rows still held back are not written. */
	if (!err && (*result == SQLITE_DONE || ferror(out)))
		flush(&table);
	return err;
}
