// SPDX-License-Identifier: BSD-2-Clause
/*
 * The target is not stopped meanwhile. So the structure is read first, then what it points to, then
 * the structure again: if it is unchanged, what it points to was not replaced in between, because
 * code objects never change those members.
 */
#include "stacks/code_object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/py_string.h"
#include "util/cleanup.h"

#define CODE_BYTES_MAX (1UL << 28)
#define UNIT_BYTES     2
#define FIELDS_MAX     9

void code_object__free(struct code_object *code)
{
	if (!code)
		return;
	account__free(code->name);
	account__free(code->qualname);
	account__free(code->filename);
	account__free(code->line_table);
	account__free(code);
}

void code_object__freep(struct code_object **code)
{
	code_object__free(*code);
}

/*
 * Up to 3.10 the instructions are a separate object; since then they are at the end of the code
 * object.
 */
static bool has_code_inside(enum py_instr_kind kind)
{
	return kind == PY_INSTR_PREVIOUS || kind == PY_INSTR_NEXT;
}

static void add_field(struct memory_range *ranges, size_t *cnt, uint64_t address, uint16_t offset,
		      void *buffer, size_t size)
{
	if (offset != PY_NO_OFFSET)
		ranges[(*cnt)++] = (struct memory_range){.address = address + offset,
							 .buffer = buffer,
							 .size = size};
}

static int read_identity(const struct memory *memory, const struct py_offsets *offsets,
			 uint64_t address, struct code_identity *out)
{
	struct memory_range ranges[FIELDS_MAX];
	struct code_identity id = {};
	size_t cnt = 0;
	int err;

	add_field(ranges, &cnt, address, offsets->object_type, &id.type, sizeof(id.type));
	add_field(ranges, &cnt, address, offsets->code_name, &id.name, sizeof(id.name));
	add_field(ranges, &cnt, address, offsets->code_filename, &id.filename, sizeof(id.filename));
	add_field(ranges, &cnt, address, offsets->code_line_table, &id.line_table,
		  sizeof(id.line_table));
	add_field(ranges, &cnt, address, offsets->code_qualname, &id.qualname, sizeof(id.qualname));
	if (!has_code_inside(offsets->instr_kind))
		add_field(ranges, &cnt, address, offsets->code_code, &id.code, sizeof(id.code));
	add_field(ranges, &cnt, address, offsets->code_firstlineno, &id.first_line,
		  sizeof(id.first_line));
	add_field(ranges, &cnt, address, offsets->code_size, &id.size_units, sizeof(id.size_units));
	add_field(ranges, &cnt, address, offsets->code_first_traceable, &id.first_traceable,
		  sizeof(id.first_traceable));
	err = memory__read_ranges(memory, ranges, cnt);
	for (size_t i = 0; i < cnt && !err; i++)
		err = ranges[i].failed ? -EFAULT : 0;
	if (!err)
		*out = id;
	return err;
}

static bool is_same_identity(const struct code_identity *a, const struct code_identity *b)
{
	return a->type == b->type && a->name == b->name && a->filename == b->filename &&
	       a->line_table == b->line_table && a->qualname == b->qualname && a->code == b->code &&
	       a->first_line == b->first_line && a->size_units == b->size_units &&
	       a->first_traceable == b->first_traceable;
}

/* Returns 0 if @type is the type of code objects. */
static int check_type(const struct memory *memory, const struct py_offsets *offsets, uint64_t type)
{
	char name[sizeof("code")];
	uint64_t address;
	int err;

	err = memory__read(memory, type + offsets->type_name, &address, sizeof(address));
	if (err)
		return err;
	err = memory__read(memory, address, name, sizeof(name));
	if (err)
		return err;
	return memcmp(name, "code", sizeof(name)) ? -EINVAL : 0;
}

/* As py_string__read(), but the text is charged to the account of @memory. */
static int read_text(char **out, const struct memory *memory, const struct py_offsets *offsets,
		     uint64_t address)
{
	_cleanup_free_ char *text = NULL;
	int err = py_string__read(&text, memory, offsets, address);

	if (err)
		return err;
	*out = account__strdup(memory->account, text);
	return *out ? 0 : -errno;
}

/*
 * Reads a name as tracebacks show it: an identifier, "<module>", or whatever else a program
 * chooses.
 */
static int read_name(char **out, const struct memory *memory, const struct py_offsets *offsets,
		     uint64_t address)
{
	_cleanup_account_free_ char *name = NULL;
	int err;

	err = read_text(&name, memory, offsets, address);
	if (err)
		return err;
	if (!*name)
		return -EINVAL;
	for (const char *at = name; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return -EINVAL;
	*out = TAKE_PTR(name);
	return 0;
}

static int read_size(struct code_object *code, const struct memory *memory,
		     const struct py_offsets *offsets)
{
	bool inside = has_code_inside(code->instr_kind);
	int64_t size = code->identity.size_units;
	int err;

	if (!inside) {
		err = memory__read(memory, code->identity.code + offsets->bytes_size, &size,
				   sizeof(size));
		if (err)
			return err;
	}
	if (size < 0 || size > (int64_t)CODE_BYTES_MAX)
		return -EINVAL;
	if (inside)
		size *= UNIT_BYTES;
	code->size_bytes = (uint32_t)size;
	return 0;
}

static int read_line_table(struct code_object *code, const struct memory *memory,
			   const struct py_offsets *offsets)
{
	_cleanup_account_free_ uint8_t *bytes = NULL;
	int64_t size;
	int err;

	err = memory__read(memory, code->identity.line_table + offsets->bytes_size, &size,
			   sizeof(size));
	if (err)
		return err;
	if (size < 0 || size > (int64_t)CODE_BYTES_MAX)
		return -EINVAL;
	if (size > (int64_t)CODE_LINE_TABLE_BYTES_MAX)
		return 0;
	bytes = account__alloc(memory->account, (size_t)size + 1);
	if (!bytes)
		return -errno;
	err = memory__read(memory, code->identity.line_table + offsets->bytes_data, bytes,
			   (size_t)size);
	if (err)
		return err;
	code->line_table = TAKE_PTR(bytes);
	code->line_table_size = (size_t)size;
	return 0;
}

/* Reads everything that the structure points to. */
static int read_contents(struct code_object *code, const struct memory *memory,
			 const struct py_offsets *offsets)
{
	const struct code_identity *id = &code->identity;
	int err;

	err = read_name(&code->name, memory, offsets, id->name);
	if (!err && offsets->code_qualname != PY_NO_OFFSET)
		err = read_name(&code->qualname, memory, offsets, id->qualname);
	if (!err)
		err = read_text(&code->filename, memory, offsets, id->filename);
	if (!err)
		err = read_size(code, memory, offsets);
	if (!err)
		err = read_line_table(code, memory, offsets);
	return err;
}

int code_object__read(struct code_object **out, const struct memory *memory,
		      const struct py_offsets *offsets, uint64_t address)
{
	_cleanup_(code_object__freep) struct code_object *code =
		account__calloc(memory->account, 1, sizeof(*code));
	int err;

	if (!code)
		return -errno;
	code->address = address;
	code->instr_kind = offsets->instr_kind;
	code->line_kind = offsets->line_kind;
	code->code_offset = offsets->code_code;
	err = read_identity(memory, offsets, address, &code->identity);
	if (err)
		return err;
	if (code->identity.first_line < 0)
		return -EINVAL;
	err = check_type(memory, offsets, code->identity.type);
	if (err)
		return err;
	err = read_contents(code, memory, offsets);
	if (err)
		return err;
	err = code_object__is_same(code, memory, offsets);
	if (err < 0)
		return err;
	if (!err)
		return -ESTALE;
	*out = TAKE_PTR(code);
	return 0;
}

int code_object__is_same(const struct code_object *code, const struct memory *memory,
			 const struct py_offsets *offsets)
{
	struct code_identity now;
	int err;

	err = read_identity(memory, offsets, code->address, &now);
	if (err)
		return err;
	return is_same_identity(&code->identity, &now);
}

int64_t code_object__instr_offset(const struct code_object *code, int32_t instr)
{
	switch (code->instr_kind) {
	case PY_INSTR_BYTES:
		break;
	case PY_INSTR_UNITS:
		return (int64_t)instr * UNIT_BYTES;
	case PY_INSTR_PREVIOUS:
	case PY_INSTR_NEXT:
		return (int64_t)instr - code->code_offset;
	}
	return instr;
}

int32_t code_object__line(const struct code_object *code, int32_t instr)
{
	int64_t offset = code_object__instr_offset(code, instr);

	if (offset < 0)
		return code->identity.first_line;
	if (offset >= code->size_bytes || !code->line_table)
		return LINE_NONE;
	return line_table__find(code->line_kind, code->line_table, code->line_table_size,
				code->identity.first_line, (uint32_t)offset);
}

bool code_object__is_shown(const struct code_object *code, int32_t instr)
{
	return !has_code_inside(code->instr_kind) ||
	       code_object__instr_offset(code, instr) >=
		       (int64_t)code->identity.first_traceable * UNIT_BYTES;
}

size_t code_object__cost_bytes(const struct code_object *code)
{
	return sizeof(*code) + strlen(code->name) + 1 + strlen(code->filename) + 1 +
	       (code->qualname ? strlen(code->qualname) + 1 : 0) + code->line_table_size;
}
