/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A code object: what a frame runs, with the names and lines that a traceback shows of it.
 *
 * Whoever walks frames keeps of each only two numbers, the address of its code object and where in
 * it the frame is; this makes text of them, later. So the address may by then hold something else,
 * and all that is read is looked at with that in mind: it counts as a code object if its type is
 * called "code", its names are text and its sizes are possible. A code object that was freed, and
 * whose memory nobody has written to since, still looks like one.
 *
 * Source: PyCodeObject in Include/code.h (2.7 to 3.8) and Include/cpython/code.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pyfrag/py_offsets.h"
#include "stacks/line_table.h"
#include "target/memory.h"

#define CODE_LINE_TABLE_BYTES_MAX (1UL << 20)

/* What is in the structure itself: two code objects that agree in all of it are the same. */
struct code_identity {
	uint64_t type, name, filename, line_table; /* addresses */
	uint64_t qualname;			   /* 3.11 on */
	uint64_t code;				   /* of a bytes object, up to 3.10 */
	int64_t size_units;			   /* 3.11 on */
	int32_t first_line, first_traceable;
};

struct code_object {
	uint64_t address;
	struct code_identity identity;
	char *name;
	char *qualname; /* "Class.method"; NULL before 3.11 */
	char *filename;
	/* NULL, and of no line known, if it is longer than CODE_LINE_TABLE_BYTES_MAX. */
	uint8_t *line_table;
	size_t line_table_size;
	uint32_t size_bytes; /* of its instructions */
	enum py_instr_kind instr_kind;
	enum py_line_kind line_kind;
	uint16_t code_offset; /* of the instructions in the code object, 3.11 on */
};

/*
 * Reads the code object at @address (without tag bits), which the caller frees. Returns 0, -EINVAL
 * if that is no code object, -EFAULT if it is not all readable, -ESTALE if it changed while it was
 * read, -EDQUOT by the account of @memory, -ENOMEM, or as memory__read().
 */
int code_object__read(struct code_object **out, const struct memory *memory,
		      const struct py_offsets *offsets, uint64_t address);
void code_object__free(struct code_object *code);
void code_object__freep(struct code_object **code);

/*
 * Whether the address still holds that code object, by a single read: 1, or 0 if it holds something
 * else, or negative errno as above.
 */
int code_object__is_same(const struct code_object *code, const struct memory *memory,
			 const struct py_offsets *offsets);

/*
 * How many bytes into the code a frame is, negative if it has not begun. @instr is what the frame
 * holds: f_lasti as it is (PY_INSTR_BYTES, PY_INSTR_UNITS), or the pointer less the code object's
 * address (PY_INSTR_PREVIOUS, PY_INSTR_NEXT).
 *
 * In a frame that has called another one, too, this leads to the call. prev_instr may point at the
 * last of the call's inline cache entries, which are on the line of the call (3.11, 3.12);
 * instr_ptr points at the call itself, until it returns (3.13 on, _PyInterpreterFrame_LASTI in
 * Include/internal: there is nothing to subtract).
 */
int64_t code_object__instr_offset(const struct code_object *code, int32_t instr);

/*
 * The line such a frame is on: frame.f_lineno, and what tracebacks say. The first one if it has not
 * begun; LINE_NONE if the instruction has none, or is not in this code.
 */
int32_t code_object__line(const struct code_object *code, int32_t instr);

/*
 * Whether such a frame has come to where Python begins to show it. Before are frames that still
 * make their cells or their generator; and from 3.13 on those that stand for no function, but run
 * what comes after a call (_Py_InitCleanup). As _PyFrame_IsIncomplete() has it, but for frames that
 * a generator owns: those it always shows. Always true before 3.11.
 */
bool code_object__is_shown(const struct code_object *code, int32_t instr);

/* Bytes of our own memory that it takes. */
size_t code_object__cost_bytes(const struct code_object *code);
