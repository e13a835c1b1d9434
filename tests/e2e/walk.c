// SPDX-License-Identifier: BSD-2-Clause
/*
 * Walks a Python from its runtime to the names in its code objects, using nothing but the table of
 * offsets. Prints, as one JSON object, the table and what it found.
 *
 * Usage: walk PID
 *
 * The target must not run meanwhile.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/full_collections.h"
#include "target/live.h"
#include "target/python.h"
#include "target/runtime.h"
#include "target/runtime_search.h"
#include "util/cleanup.h"

#define TEXT_MAX  4096
#define CHAIN_MAX 1000

static const struct field {
	const char *name;
	size_t offset, size;
} fields[] = {
#define FIELD(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct py_offsets, name),                                          \
			sizeof(((struct py_offsets *)NULL)->name)                                  \
	}
	FIELD(runtime_interpreters_head),
	FIELD(runtime_current_thread),
	FIELD(interpreter_next),
	FIELD(interpreter_threads_head),
	FIELD(thread_next),
	FIELD(thread_interpreter),
	FIELD(thread_id),
	FIELD(thread_status),
	FIELD(thread_frame),
	FIELD(cframe_current_frame),
	FIELD(thread_data_stack),
	FIELD(thread_cached_chunk),
	FIELD(frame_previous),
	FIELD(frame_code),
	FIELD(frame_instr),
	FIELD(frame_owner),
	FIELD(frame_code_tags),
	FIELD(instr_kind),
	FIELD(line_kind),
	FIELD(frame_owner_native),
	FIELD(code_name),
	FIELD(code_qualname),
	FIELD(code_filename),
	FIELD(code_firstlineno),
	FIELD(code_line_table),
	FIELD(code_code),
	FIELD(code_size),
	FIELD(code_first_traceable),
	FIELD(object_type),
	FIELD(bytes_size),
	FIELD(bytes_data),
	FIELD(unicode_length),
	FIELD(unicode_state),
	FIELD(unicode_ascii_data),
	FIELD(unicode_compact_data),
	FIELD(type_name),
	FIELD(full_collections_in_interpreter),
	FIELD(full_collections_in_runtime),
	FIELD(interpreter_gc_stats),
	FIELD(gc_stats_full_collections),
	FIELD(gc_stats_record_size),
	FIELD(gc_stats_record_cnt),
#undef FIELD
};

static const struct memory *memory;
static struct runtime runtime;
static const struct py_offsets *offsets = &runtime.offsets;

static void die(const char *what)
{
	fprintf(stderr, "walk: %s\n", what);
	exit(1);
}

static void copy(uint64_t address, void *buffer, size_t size)
{
	if (memory__read(memory, address, buffer, size))
		die("unreadable memory");
}

static uint64_t word_at(uint64_t address)
{
	uint64_t word;

	copy(address, &word, sizeof(word));
	return word;
}

static int int_at(uint64_t address)
{
	int value;

	copy(address, &value, sizeof(value));
	return value;
}

/* PyASCIIObject.state: interned:2, kind:3 (bytes per character), compact:1, ascii:1 */
static uint64_t find_characters(uint64_t object, uint64_t *kind)
{
	int state = int_at(object + offsets->unicode_state);

	*kind = state >> 2 & 7;
	if (!(state >> 5 & 1))
		die("a text that is not compact");
	return object +
	       (state >> 6 & 1 ? offsets->unicode_ascii_data : offsets->unicode_compact_data);
}

/* The characters of a str, as code points. */
static json_t *read_text(uint64_t object)
{
	bool is_bytes = offsets->unicode_length == PY_NO_OFFSET;
	uint64_t length =
		word_at(object + (is_bytes ? offsets->bytes_size : offsets->unicode_length));
	uint64_t data = object + offsets->bytes_data, kind = 1;
	json_t *out = json_array();

	if (!is_bytes)
		data = find_characters(object, &kind);
	if (length > TEXT_MAX || kind > sizeof(uint32_t))
		die("a text that is none");
	for (uint64_t i = 0; i < length; i++) {
		uint32_t character = 0;

		copy(data + i * kind, &character, kind);
		json_array_append_new(out, json_integer(character));
	}
	return out;
}

static json_t *read_type_name(uint64_t object)
{
	char name[16] = "";

	copy(word_at(word_at(object + offsets->object_type) + offsets->type_name), name,
	     sizeof(name) - 1);
	return json_string(name);
}

/* The bytes of code in a code object. */
static uint64_t code_bytes(uint64_t code)
{
	if (offsets->code_size == PY_NO_OFFSET)
		return word_at(word_at(code + offsets->code_code) + offsets->bytes_size);
	return 2 * word_at(code + offsets->code_size);
}

/* f_lasti as Python shows it. */
static int64_t last_instruction(uint64_t frame, uint64_t code)
{
	uint64_t at = frame + offsets->frame_instr;
	int lasti;

	switch (offsets->instr_kind) {
	case PY_INSTR_BYTES:
		return int_at(at);
	case PY_INSTR_UNITS:
		lasti = int_at(at);
		return lasti < 0 ? lasti : 2 * lasti;
	default:
		return (int64_t)(word_at(at) - (code + offsets->code_code));
	}
}

/* Python's stacks omit frames of functions that have not begun, as _PyFrame_IsIncomplete() does. */
static bool has_begun(uint64_t frame, uint64_t code)
{
	if (offsets->code_first_traceable == PY_NO_OFFSET)
		return true;
	return last_instruction(frame, code) >=
	       2 * (int64_t)int_at(code + offsets->code_first_traceable);
}

static json_t *read_frame(uint64_t frame, uint64_t code)
{
	uint64_t table = word_at(code + offsets->code_line_table);
	json_t *out;

	out = json_pack("{s:o, s:o, s:o, s:i, s:I, s:I, s:I}", "type", read_type_name(code), "name",
			read_text(word_at(code + offsets->code_name)), "filename",
			read_text(word_at(code + offsets->code_filename)), "firstlineno",
			int_at(code + offsets->code_firstlineno), "lasti",
			(json_int_t)last_instruction(frame, code), "code_bytes",
			(json_int_t)code_bytes(code), "line_table_bytes",
			(json_int_t)word_at(table + offsets->bytes_size));
	if (offsets->code_qualname != PY_NO_OFFSET)
		json_object_set_new(out, "qualname",
				    read_text(word_at(code + offsets->code_qualname)));
	return out;
}

static bool is_native(uint64_t frame)
{
	uint8_t owner;

	if (offsets->frame_owner == PY_NO_OFFSET || offsets->frame_owner_native == 0xff)
		return false;
	copy(frame + offsets->frame_owner, &owner, sizeof(owner));
	return owner >= offsets->frame_owner_native;
}

/* Innermost first. */
static json_t *read_frames(uint64_t thread)
{
	uint64_t frame = word_at(thread + offsets->thread_frame);
	json_t *out = json_array();

	if (frame && offsets->cframe_current_frame != PY_NO_OFFSET)
		frame = word_at(frame + offsets->cframe_current_frame);
	for (int i = 0; frame; i++) {
		uint64_t code =
			word_at(frame + offsets->frame_code) & ~(uint64_t)offsets->frame_code_tags;

		if (i == CHAIN_MAX)
			die("a chain of frames that does not end");
		if (!is_native(frame) && has_begun(frame, code))
			json_array_append_new(out, read_frame(frame, code));
		frame = word_at(frame + offsets->frame_previous);
	}
	return out;
}

static json_t *read_threads(uint64_t interpreter)
{
	uint64_t thread = word_at(interpreter + offsets->interpreter_threads_head);
	json_t *out = json_object();

	for (int i = 0; thread; i++) {
		char id[32];

		if (i == CHAIN_MAX || word_at(thread + offsets->thread_interpreter) != interpreter)
			die("a list of threads that is none");
		snprintf(id, sizeof(id), "%lu", word_at(thread + offsets->thread_id));
		json_object_set_new(out, id, read_frames(thread));
		thread = word_at(thread + offsets->thread_next);
	}
	return out;
}

static json_t *read_interpreters(void)
{
	_cleanup_account_free_ uint64_t *interpreters = NULL;
	json_t *out = json_array();
	size_t cnt;

	if (runtime__interpreters(&runtime, memory, &interpreters, &cnt))
		die("no interpreters");
	for (size_t i = 0; i < cnt; i++)
		json_array_append_new(out, read_threads(interpreters[i]));
	return out;
}

static json_t *read_offsets(void)
{
	json_t *out = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint16_t value = 0;

		memcpy(&value, (const char *)offsets + fields[i].offset, fields[i].size);
		json_object_set_new(out, fields[i].name,
				    value == PY_NO_OFFSET ? json_null() : json_integer(value));
	}
	return out;
}

static json_t *read_full_collections(void)
{
	uint64_t collections;
	int err = full_collections__read(&collections, &runtime, memory);

	return err ? json_string(strerror(-err)) : json_integer((json_int_t)collections);
}

int main(int argc, char **argv)
{
	_cleanup_(target__freep) struct target *target = NULL;
	_cleanup_(python__freep) struct python *python = NULL;
	struct failure failure;
	json_t *out;

	if (argc != 2)
		die("usage: walk PID");
	if (live__open(&target, atoi(argv[1]), &failure) || python__find(&python, target, &failure))
		die(failure.text);
	memory = target->memory;
	if (runtime__find(&runtime, python, memory, &failure))
		die(failure.text);
	out = json_pack("{s:o, s:o, s:o, s:b}", "offsets", read_offsets(), "interpreters",
			read_interpreters(), "full_collections", read_full_collections(), "runtime",
			runtime.address != 0);
	json_dumpf(out, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(out);
	return 0;
}
