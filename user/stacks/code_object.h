/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A code object: what a frame runs, with the names and lines that a traceback shows for it.
 *
 * A stack walk keeps only two numbers per frame, the address of its code object and the position in
 * it; this file turns them into text, later. By then the address may hold something else, so
 * everything that is read is checked: it counts as a code object if its type is called "code", its
 * names are text and its sizes are possible. A code object that was freed, and whose memory has not
 * been overwritten since, still looks like one.
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

/* Members of the structure itself: two code objects that agree in all of them are the same. */
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
	/* NULL, and no line is known, if it is longer than CODE_LINE_TABLE_BYTES_MAX. */
	uint8_t *line_table;
	size_t line_table_size;
	uint32_t size_bytes; /* of its instructions */
	enum py_instr_kind instr_kind;
	enum py_line_kind line_kind;
	uint16_t code_offset; /* where they begin in the code object, 3.11 on */
};

/*
 * Reads the code object at @address (without tag bits), which the caller frees. Returns 0; -EINVAL
 * if it is not a code object; -EFAULT if not all of it is readable; -ESTALE if it changed while it
 * was read; -EDQUOT by the account of @memory; -ENOMEM; or as memory__read().
 */
int code_object__read(struct code_object **out, const struct memory *memory,
		      const struct py_offsets *offsets, uint64_t address);
void code_object__free(struct code_object *code);
void code_object__freep(struct code_object **code);

/*
 * Whether the address still holds this code object, by a single read: 1, or 0 if it holds something
 * else, or negative errno as above.
 */
int code_object__is_same(const struct code_object *code, const struct memory *memory,
			 const struct py_offsets *offsets);

/*
 * The position of a frame in the code, in bytes; negative if it has not begun. @instr is what the
 * frame contains: f_lasti as it is (PY_INSTR_BYTES, PY_INSTR_UNITS), or the pointer minus the
 * address of the code object (PY_INSTR_PREVIOUS, PY_INSTR_NEXT).
 *
 * In a frame that has called another one, this is the position of the call, too. prev_instr may
 * point to the last of the call's inline cache entries, which are on the line of the call (3.11,
 * 3.12); instr_ptr points to the call itself, until it returns (3.13 on, _PyInterpreterFrame_LASTI
 * in Include/internal: nothing is subtracted).
 */
int64_t code_object__instr_offset(const struct code_object *code, int32_t instr);

/*
 * The line of such a frame, as in frame.f_lineno and in tracebacks. It is the first one if the
 * frame has not begun; LINE_NONE if the instruction has none, or is not in this code.
 */
int32_t code_object__line(const struct code_object *code, int32_t instr);

/*
 * Whether such a frame has reached the instruction from which on Python shows it. Frames before it
 * are still creating their cells or their generator; from 3.13 on some belong to no function, but
 * run what follows a call (_Py_InitCleanup). As _PyFrame_IsIncomplete(), but that shows every frame
 * owned by a generator, which the caller has to check. Always true before 3.11.
 */
bool code_object__is_shown(const struct code_object *code, int32_t instr);

/* Bytes of our own memory that it takes. */
size_t code_object__cost_bytes(const struct code_object *code);
