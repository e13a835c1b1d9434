/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of an answer from a database, for struct report_writer: as a table with a heading, or an
 * object of JSON a line.
 *
 * Both write all rows of @statement to @out. They return 0, -ENOMEM or -EIO. *result: the last
 * result of SQLite; unless that is SQLITE_DONE, not all rows are written, or @out has failed.
 */
#pragma once

#include <sqlite3.h>
#include <stdio.h>

/* Of more there is no answer. */
#define ROWS_COLUMNS_MAX 64

int text_rows__write(sqlite3_stmt *statement, FILE *out, int *result);
int json_rows__write(sqlite3_stmt *statement, FILE *out, int *result);
