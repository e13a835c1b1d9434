// SPDX-License-Identifier: BSD-2-Clause
#include "output/rows.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "output/json_values.h"
#include "util/cleanup.h"
#include "util/text.h"

static json_t *json_of(sqlite3_stmt *statement, int column)
{
	double value;

	switch (sqlite3_column_type(statement, column)) {
	case SQLITE_INTEGER:
		return json_integer(sqlite3_column_int64(statement, column));
	case SQLITE_FLOAT:
		value = sqlite3_column_double(statement, column);
		return isfinite(value) ? json_real(value) : json_null();
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

	for (int i = 0; i < sqlite3_column_count(statement) && !err; i++) {
		_cleanup_free_ char *name =
			text__to_safe_utf8(sqlite3_column_name(statement, i) ?: "");

		if (!name || json_object_set_new(row, name, json_of(statement, i)))
			err = -ENOMEM;
	}
	if (!err && (json_dumpf(row, out, JSON_COMPACT) || fputc('\n', out) == EOF))
		err = -EIO;
	json_decref(row);
	return err;
}

int json_rows__write(sqlite3_stmt *statement, FILE *out, int *result)
{
	int err = 0;

	while (!err) {
		*result = sqlite3_step(statement);
		if (*result != SQLITE_ROW || ferror(out))
			break;
		err = write_json_row(statement, out);
	}
	return err;
}
