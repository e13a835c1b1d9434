/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of a database query, for struct report_writer: as a table with a heading, or as one JSON
 * object per line.
 *
 * Both functions write all rows of @statement to @out. They return 0, -ENOMEM or -EIO. *result:
 * SQLite's last result; if it is not SQLITE_DONE, either some rows are missing or writing to @out
 * failed.
 */
#pragma once

#include <sqlite3.h>
#include <stdio.h>

/* Queries with more columns are rejected. */
#define ROWS_COLUMNS_MAX 64

int text_rows__write(sqlite3_stmt *statement, FILE *out, int *result);
int json_rows__write(sqlite3_stmt *statement, FILE *out, int *result);
