// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever a line table contains, finding a line reads nothing outside of it, and gives a
 * line or none. No entry covers more than 255 bytes of code, so that the result is constant far
 * enough past all of them: up to 3.9 the last line, from 3.10 on none.
 *
 * Input: the first line, the kind, then the table.
 */
#include "fuzz.h"
#include "stacks/line_table.h"

#define OFFSETS 300

static void check_kind(enum py_line_kind kind, const uint8_t *table, size_t size,
		       int32_t first_line)
{
	uint32_t end = (uint32_t)size * 255;
	int32_t last = line_table__find(kind, table, size, first_line, end);

	for (uint32_t offset = 0; offset < OFFSETS; offset++)
		CHECK(line_table__find(kind, table, size, first_line, offset) >= LINE_NONE);
	CHECK(last >= LINE_NONE);
	CHECK(line_table__find(kind, table, size, first_line, UINT32_MAX) == last);
	if (kind == PY_LINES_RANGES || kind == PY_LINES_LOCATIONS)
		CHECK(last == LINE_NONE);
	else if (!size)
		CHECK(last == (first_line < 0 ? LINE_NONE : first_line));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	int32_t first_line;
	uint8_t *table;
	uint8_t kind;

	fuzz_input__take(&input, &first_line, sizeof(first_line));
	kind = fuzz_input__byte(&input);
	/* Exactly its size, so that the sanitizer detects a read past its end. */
	table = malloc(input.size + !input.size);
	CHECK(table);
	memcpy(table, input.bytes, input.size);
	check_kind((enum py_line_kind)(PY_LINES_UNSIGNED + kind % 4), table, input.size,
		   first_line);
	free(table);
	return 0;
}
