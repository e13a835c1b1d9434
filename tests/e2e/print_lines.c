// SPDX-License-Identifier: BSD-2-Clause
/*
 * Decodes line tables with pyfrag's decoder, for test_line_tables.py. Reads records from stdin, in
 * native byte order: kind (enum py_line_kind), first line, size of the table, size of the code, 4
 * bytes each, then the table. Writes the line of each byte of the code, 4 bytes each.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "stacks/line_table.h"
#include "util/array.h"
#include "util/cleanup.h"

struct record {
	int32_t kind, first_line;
	uint32_t table_size, code_size;
};

static int fail(int err)
{
	fprintf(stderr, "print_lines: %s\n", strerror(-err));
	return 1;
}

int main(void)
{
	_cleanup_free_ uint8_t *table = NULL;
	size_t capacity = 0;
	struct record record;
	int err;

	while (fread(&record, sizeof(record), 1, stdin) == 1) {
		err = ARRAY_RESERVE(table, capacity, record.table_size);
		if (err)
			return fail(err);
		if (fread(table, 1, record.table_size, stdin) != record.table_size)
			return fail(-EBADMSG);
		for (uint32_t offset = 0; offset < record.code_size; offset++) {
			int32_t line =
				line_table__find((enum py_line_kind)record.kind, table,
						 record.table_size, record.first_line, offset);

			fwrite(&line, sizeof(line), 1, stdout);
		}
	}
	return fflush(stdout) || ferror(stdout) ? fail(-EIO) : 0;
}
