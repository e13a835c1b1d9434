/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps an instruction to its line, for the four forms of line tables that CPython has had.
 *
 * PY_LINES_UNSIGNED, PY_LINES_SIGNED: Objects/lnotab_notes.txt of 2.7 and of 3.6 to 3.9, and
 * PyCode_Addr2Line() in Objects/codeobject.c. PY_LINES_RANGES: Objects/lnotab_notes.txt of 3.10.
 * PY_LINES_LOCATIONS: Objects/locations.md of 3.11 (from 3.14 on InternalDocs/code_objects.md), and
 * advance() in Objects/codeobject.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pyfrag/py_offsets.h"

/* No line: the compiler generated the instruction without one (3.10 on), or the table has none. */
#define LINE_NONE (-1)

/*
 * The line of the instruction at @offset bytes from the beginning of the code, whose first line is
 * @first_line; LINE_NONE if it has none. 0 is a line: that of the instructions that begin a module
 * (3.11 on).
 *
 * @bytes may be damaged, or not a line table at all: nothing outside the @size bytes is read, and a
 * result that does not fit an int is LINE_NONE. Up to 3.9 a table does not contain the length of
 * the code, so the caller ensures that @offset is in it.
 */
int32_t line_table__find(enum py_line_kind kind, const uint8_t *bytes, size_t size,
			 int32_t first_line, uint32_t offset);
