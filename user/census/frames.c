// SPDX-License-Identifier: BSD-2-Clause
#include "census/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/py_string.h"
#include "util/cleanup.h"

#define TUPLE_SIZE 16
/* How far before co_filename the tuples of local variable names are. */
#define NAMES_BACK_27  0x18
#define NAMES_BACK_36  0x20
#define NAMES_BACK_311 0x10

uint32_t frames__locals_offset(const struct census *census)
{
	/* `owner` is a byte, and the members after it fit into the rest of its word. */
	return (census->offsets.frame_owner + 8U) & ~7U;
}

static bool has_frame_objects(const struct census *census)
{
	return census->offsets.frame_owner == PY_NO_OFFSET;
}

/* Adds the names in the tuple at @address to @names. */
static int add_names(const struct graph *graph, uint64_t address, uint64_t *names, size_t *cnt)
{
	const struct census *census = graph->census;
	uint32_t number = graph__type_at(graph, address);
	const struct type *type;
	uint64_t size;
	int err;

	if (number == TYPE_NONE)
		return 0;
	type = type_table__at(census->types, number);
	if (!(type->flags & TYPE_TUPLE_SUBCLASS))
		return 0;
	err = memory__read(census->memory, address + TUPLE_SIZE, &size, sizeof(size));
	if (!err && (size > LOCAL_NAMES_MAX || *cnt + size > LOCAL_NAMES_MAX))
		return 0;
	if (!err && size)
		err = memory__read(census->memory, address + type->basic_size, names + *cnt,
				   size * sizeof(*names));
	if (err)
		return memory__is_missing(err) ? 0 : err;
	*cnt += size;
	return 0;
}

int frames__read_names(const struct graph *graph, uint64_t code, uint64_t *names, size_t *cnt)
{
	const struct census *census = graph->census;
	uint64_t tuples[3]; /* up to 3.10: locals, free variables, cells */
	uint32_t back = census->major < 3	    ? NAMES_BACK_27
			: has_frame_objects(census) ? NAMES_BACK_36
						    : NAMES_BACK_311;
	int err = memory__read(census->memory, code + census->offsets.code_filename - back, tuples,
			       sizeof(tuples));

	*cnt = 0;
	if (err)
		return memory__is_missing(err) ? 0 : err;
	err = add_names(graph, tuples[0], names, cnt);
	if (err || back == NAMES_BACK_311)
		return err;
	err = add_names(graph, tuples[2], names, cnt);
	return err ? err : add_names(graph, tuples[1], names, cnt);
}

int frames__local_name(char **out, const struct graph *graph, uint64_t address, uint32_t type,
		       uint32_t offset)
{
	const struct census *census = graph->census;
	uint64_t size = type_table__at(census->types, type)->basic_size, code,
		 /*
		  * The basic size includes the first variable of a frame object, but not of a
		  * generator.
		  */
		first = has_frame_objects(census) ? size - 8 : size;
	_cleanup_free_ uint64_t *names = NULL;
	size_t cnt;
	int err;

	*out = NULL;
	if (offset < first)
		return 0;
	if (!has_frame_objects(census))
		address += size - frames__locals_offset(census);
	err = memory__read(census->memory, address + census->offsets.frame_code, &code,
			   sizeof(code));
	if (err)
		return memory__is_missing(err) ? 0 : err;
	names = calloc(LOCAL_NAMES_MAX, sizeof(*names));
	if (!names)
		return -ENOMEM;
	err = frames__read_names(graph, code & ~(uint64_t)census->offsets.frame_code_tags, names,
				 &cnt);
	if (err || (offset - first) / 8 >= cnt)
		return err;
	err = py_string__read(out, census->memory, &census->offsets, names[(offset - first) / 8]);
	return memory__is_missing(err) ? 0 : err;
}
