/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an instruction to its line: the four forms of line tables that CPython has had.
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

/* No line: the compiler made the instruction for itself (3.10 on), or the table does not say. */
#define LINE_NONE (-1)

/*
 * The line of the instruction at @offset bytes from the beginning of the code whose first line is
 * @first_line; LINE_NONE if it has none. 0 is a line: that of what begins a module (3.11 on).
 *
 * @bytes may be damaged, or no line table at all: nothing is read outside the @size bytes, and a
 * result that no int can be is LINE_NONE. How long the code is no table says (up to 3.9), so it is
 * for the caller to keep @offset in it.
 */
int32_t line_table__find(enum py_line_kind kind, const uint8_t *bytes, size_t size,
			 int32_t first_line, uint32_t offset);
