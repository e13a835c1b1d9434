// SPDX-License-Identifier: BSD-2-Clause
#include "target/offsets.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/cleanup.h"

/* Shared by several versions. */
#define NO_RUNTIME .runtime_interpreters_head = PY_NO_OFFSET, .runtime_current_thread = PY_NO_OFFSET

#define NO_CFRAME	.cframe_current_frame = PY_NO_OFFSET
#define NO_CACHED_CHUNK .thread_cached_chunk = PY_NO_OFFSET
#define NO_DATA_STACK	.thread_data_stack = PY_NO_OFFSET, NO_CACHED_CHUNK
#define NO_UNICODE                                                                                 \
	.unicode_length = PY_NO_OFFSET, .unicode_state = PY_NO_OFFSET,                             \
	.unicode_ascii_data = PY_NO_OFFSET, .unicode_compact_data = PY_NO_OFFSET
#define NO_FULL_COLLECTIONS                                                                        \
	.full_collections_in_interpreter = PY_NO_OFFSET,                                           \
	.full_collections_in_runtime = PY_NO_OFFSET, .interpreter_gc_stats = PY_NO_OFFSET,         \
	.gc_stats_full_collections = PY_NO_OFFSET
#define NO_STATUS .thread_status = PY_NO_OFFSET
/* Include/pystate.h, Include/cpython/pystate.h */
#define THREAD_STATE_3 .thread_next = 0x08, .thread_interpreter = 0x10
/* Include/frameobject.h, Include/cpython/frameobject.h, up to 3.10 */
#define FRAME_OBJECT                                                                               \
	.frame_previous = 0x18, .frame_code = 0x20, .frame_owner = PY_NO_OFFSET,                   \
	.frame_owner_native = 0xff, NO_DATA_STACK
/* Members that were added to code objects in 3.11. */
#define CODE_BEFORE_311                                                                            \
	.code_qualname = PY_NO_OFFSET, .code_size = PY_NO_OFFSET,                                  \
	.code_first_traceable = PY_NO_OFFSET
/* Include/cpython/bytesobject.h, unicodeobject.h */
#define OBJECTS_3                                                                                  \
	.object_type = 0x08, .bytes_size = 0x10, .bytes_data = 0x20, .unicode_length = 0x10,       \
	.unicode_state = 0x20, .type_name = 0x18
/* PyASCIIObject and PyCompactUnicodeObject, with wchar_t *wstr (until PEP 623) and without. */
#define UNICODE_WITH_WSTR    .unicode_ascii_data = 0x30, .unicode_compact_data = 0x48
#define UNICODE_WITHOUT_WSTR .unicode_ascii_data = 0x28, .unicode_compact_data = 0x38

static const struct py_offsets python_27 = {
	NO_RUNTIME,
	.interpreter_next = 0x00,
	.interpreter_threads_head = 0x08,
	.thread_next = 0x00,
	.thread_interpreter = 0x08,
	.thread_id = 0x90,
	NO_STATUS,
	.thread_frame = 0x10,
	NO_CFRAME,
	FRAME_OBJECT,
	.frame_instr = 0x78,
	.instr_kind = PY_INSTR_BYTES,
	.line_kind = PY_LINES_UNSIGNED,
	CODE_BEFORE_311,
	.code_name = 0x58,
	.code_filename = 0x50,
	.code_firstlineno = 0x60,
	.code_line_table = 0x68,
	.code_code = 0x20,
	.object_type = 0x08,
	.bytes_size = 0x10, /* PyStringObject */
	.bytes_data = 0x24,
	NO_UNICODE,
	.type_name = 0x18,
	NO_FULL_COLLECTIONS,
};

static const struct py_offsets python_36 = {
	NO_RUNTIME,
	.interpreter_next = 0x00,
	.interpreter_threads_head = 0x08,
	THREAD_STATE_3,
	.thread_id = 0x98,
	NO_STATUS,
	.thread_frame = 0x18,
	NO_CFRAME,
	FRAME_OBJECT,
	.frame_instr = 0x78,
	.instr_kind = PY_INSTR_BYTES,
	.line_kind = PY_LINES_SIGNED,
	CODE_BEFORE_311,
	.code_name = 0x68,
	.code_filename = 0x60,
	.code_firstlineno = 0x24,
	.code_line_table = 0x70,
	.code_code = 0x28,
	OBJECTS_3,
	UNICODE_WITH_WSTR,
	NO_FULL_COLLECTIONS,
};

static const struct py_offsets python_37 = {
	.runtime_interpreters_head = 0x18,
	.runtime_current_thread = 0x5c8,
	.interpreter_next = 0x00,
	.interpreter_threads_head = 0x08,
	THREAD_STATE_3,
	.thread_id = 0xb0,
	NO_STATUS,
	.thread_frame = 0x18,
	NO_CFRAME,
	FRAME_OBJECT,
	.frame_instr = 0x68,
	.instr_kind = PY_INSTR_BYTES,
	.line_kind = PY_LINES_SIGNED,
	CODE_BEFORE_311,
	.code_name = 0x68,
	.code_filename = 0x60,
	.code_firstlineno = 0x24,
	.code_line_table = 0x70,
	.code_code = 0x28,
	OBJECTS_3,
	UNICODE_WITH_WSTR,
	NO_FULL_COLLECTIONS,
};

/* 3.8 and 3.9: co_posonlyargcount moved the other members of code objects. */
#define PYTHON_38                                                                                  \
	.interpreter_next = 0x00, .interpreter_threads_head = 0x08, THREAD_STATE_3,                \
	.thread_id = 0xb0, NO_STATUS, .thread_frame = 0x18, NO_CFRAME, FRAME_OBJECT,               \
	.frame_instr = 0x68, .instr_kind = PY_INSTR_BYTES, .line_kind = PY_LINES_SIGNED,           \
	CODE_BEFORE_311, .code_name = 0x70, .code_filename = 0x68, .code_firstlineno = 0x28,       \
	.code_line_table = 0x78, .code_code = 0x30, OBJECTS_3, UNICODE_WITH_WSTR,                  \
	NO_FULL_COLLECTIONS

static const struct py_offsets python_38 = {
	PYTHON_38,
	.runtime_interpreters_head = 0x20,
	.runtime_current_thread = 0x558,
};

static const struct py_offsets python_39 = {
	PYTHON_38,
	.runtime_interpreters_head = 0x20,
	.runtime_current_thread = 0x238,
};

static const struct py_offsets python_310 = {
	.runtime_interpreters_head = 0x20,
	.runtime_current_thread = 0x238,
	.interpreter_next = 0x00,
	.interpreter_threads_head = 0x08,
	THREAD_STATE_3,
	.thread_id = 0xb0,
	NO_STATUS,
	.thread_frame = 0x18,
	NO_CFRAME, /* PyThreadState.cframe exists, but does not contain a frame yet */
	FRAME_OBJECT,
	.frame_instr = 0x60,
	.instr_kind = PY_INSTR_UNITS,
	.line_kind = PY_LINES_RANGES,
	CODE_BEFORE_311,
	.code_name = 0x70,
	.code_filename = 0x68,
	.code_firstlineno = 0x28,
	.code_line_table = 0x78,
	.code_code = 0x30,
	OBJECTS_3,
	UNICODE_WITH_WSTR,
	NO_FULL_COLLECTIONS,
};

static const struct py_offsets python_311 = {
	.runtime_interpreters_head = 0x28,
	.runtime_current_thread = 0x240,
	.interpreter_next = 0x00,
	.interpreter_threads_head = 0x10,
	THREAD_STATE_3,
	.thread_id = 0x98,
	NO_STATUS,
	.thread_frame = 0x38,
	.cframe_current_frame = 0x08,
	.thread_data_stack = 0x128,
	NO_CACHED_CHUNK,
	.frame_previous = 0x30,
	.frame_code = 0x20,
	.frame_instr = 0x38,
	.frame_owner = 0x45,
	.instr_kind = PY_INSTR_PREVIOUS,
	.line_kind = PY_LINES_LOCATIONS,
	.frame_owner_native = 0xff,
	.code_name = 0x78,
	.code_qualname = 0x80,
	.code_filename = 0x70,
	.code_firstlineno = 0x48,
	.code_line_table = 0x88,
	.code_code = 0xb8,
	.code_size = 0x10,
	.code_first_traceable = 0xa8,
	OBJECTS_3,
	UNICODE_WITH_WSTR,
	NO_FULL_COLLECTIONS,
};

static const struct py_offsets python_312 = {
	.runtime_interpreters_head = 0x28,
	.runtime_current_thread = PY_NO_OFFSET,
	.interpreter_next = 0x00,
	.interpreter_threads_head = 0x48,
	THREAD_STATE_3,
	.thread_id = 0x88,
	.thread_status = 0x18,
	.thread_frame = 0x38,
	.cframe_current_frame = 0x00,
	.thread_data_stack = 0xe8,
	NO_CACHED_CHUNK,
	.frame_previous = 0x08,
	.frame_code = 0x00,
	.frame_instr = 0x38,
	.frame_owner = 0x46,
	.instr_kind = PY_INSTR_PREVIOUS,
	.line_kind = PY_LINES_LOCATIONS,
	.frame_owner_native = 3, /* FRAME_OWNED_BY_CSTACK */
	.code_name = 0x78,
	.code_qualname = 0x80,
	.code_filename = 0x70,
	.code_firstlineno = 0x44,
	.code_line_table = 0x88,
	.code_code = 0xc0,
	.code_size = 0x10,
	.code_first_traceable = 0xb0,
	OBJECTS_3,
	UNICODE_WITHOUT_WSTR,
	NO_FULL_COLLECTIONS,
};

static const struct {
	int major, minor;
	const struct py_offsets *offsets;
} versions[] = {
	{2, 7, &python_27}, {3, 6, &python_36},	  {3, 7, &python_37},	{3, 8, &python_38},
	{3, 9, &python_39}, {3, 10, &python_310}, {3, 11, &python_311}, {3, 12, &python_312},
};

/* _Py_DebugOffsets consists of 64-bit words. Here are their indices in each minor version. */

#define DEBUG_MINOR_FIRST 13
#define DEBUG_MINOR_CNT	  3
#define DEBUG_WORDS_MAX	  111

static const size_t debug_word_cnts[DEBUG_MINOR_CNT] = {73, 95, DEBUG_WORDS_MAX};

/* A structure whose size it gives, and the maximum for that: a larger one is malformed. */
enum debug_record {
	RUNTIME,
	INTERPRETER,
	THREAD,
	FRAME,
	CODE,
	OBJECT,
	TYPE,
	TUPLE,
	BYTES,
	UNICODE,
	GC,
	DEBUG_RECORD_CNT,
};

static const struct {
	const char *name;
	uint64_t size_max;
	uint8_t words[DEBUG_MINOR_CNT];
} debug_records[DEBUG_RECORD_CNT] = {
	[RUNTIME] = {"_PyRuntimeState", 16 << 20, {3, 3, 3}},
	[INTERPRETER] = {"PyInterpreterState", 16 << 20, {6, 6, 6}},
	[THREAD] = {"PyThreadState", 64 << 10, {19, 22, 22}},
	/* Walks copy this much of it (struct py_walk). */
	[FRAME] = {"_PyInterpreterFrame", (PY_FRAME_WORDS - 1) * sizeof(uint64_t), {28, 31, 39}},
	[CODE] = {"PyCodeObject", 4096, {34, 39, 47}},
	[OBJECT] = {"PyObject", 64, {44, 50, 58}},
	[TYPE] = {"PyTypeObject", 4096, {46, 52, 60}},
	[TUPLE] = {"PyTupleObject", 256, {50, 56, 68}},
	[BYTES] = {"PyBytesObject", 256, {64, 74, 86}},
	[UNICODE] = {"PyUnicodeObject", 256, {67, 77, 89}},
	[GC] = {"struct _gc_runtime_state", 64 << 10, {71, 81, 94}},
};

/* A member of such a structure, of @size bytes (or at least @size, if its size varies). */
static const struct debug_member {
	size_t field; /* offset in struct py_offsets */
	enum debug_record record;
	uint8_t size;
	uint8_t words[DEBUG_MINOR_CNT];
} debug_members[] = {
#define FIELD(name) offsetof(struct py_offsets, name)
	{FIELD(runtime_interpreters_head), RUNTIME, 8, {5, 5, 5}},
	{FIELD(interpreter_next), INTERPRETER, 8, {8, 8, 8}},
	{FIELD(interpreter_threads_head), INTERPRETER, 8, {9, 9, 9}},
	{FIELD(thread_next), THREAD, 8, {21, 24, 24}},
	{FIELD(thread_interpreter), THREAD, 8, {22, 25, 25}},
	{FIELD(thread_frame), THREAD, 8, {23, 26, 26}},
	{FIELD(thread_id), THREAD, 8, {24, 27, 30}},
	{FIELD(thread_data_stack), THREAD, 8, {26, 29, 32}},
	{FIELD(thread_status), THREAD, 4, {27, 30, 33}},
	{FIELD(frame_previous), FRAME, 8, {29, 32, 40}},
	{FIELD(frame_code), FRAME, 8, {30, 33, 41}},
	{FIELD(frame_instr), FRAME, 8, {31, 34, 42}},
	{FIELD(frame_owner), FRAME, 1, {33, 36, 44}},
	{FIELD(code_filename), CODE, 8, {35, 40, 48}},
	{FIELD(code_name), CODE, 8, {36, 41, 49}},
	{FIELD(code_qualname), CODE, 8, {37, 42, 50}},
	{FIELD(code_line_table), CODE, 8, {38, 43, 51}},
	{FIELD(code_firstlineno), CODE, 4, {39, 44, 52}},
	{FIELD(code_code), CODE, 1, {43, 48, 56}},
	/* A code object is a PyVarObject, like a tuple. */
	{FIELD(code_size), TUPLE, 8, {52, 58, 70}},
	{FIELD(object_type), OBJECT, 8, {45, 51, 59}},
	{FIELD(type_name), TYPE, 8, {47, 53, 61}},
	{FIELD(bytes_size), BYTES, 8, {65, 75, 87}},
	{FIELD(bytes_data), BYTES, 1, {66, 76, 88}},
	{FIELD(unicode_state), UNICODE, 4, {68, 78, 90}},
	{FIELD(unicode_length), UNICODE, 8, {69, 79, 91}},
	{FIELD(unicode_ascii_data), UNICODE, 1, {70, 80, 92}},
#undef FIELD
};

/* Members of the collector's state that are not in struct py_offsets, but lead to one that is. */
static const uint8_t interpreter_gc_words[DEBUG_MINOR_CNT] = {10, 11, 11};
static const uint8_t gc_collecting_words[] = {72, 82};

/* struct gc_stats of 3.15, Include/internal/pycore_interp_structs.h */
#define GC_STATS_MINOR		  15
#define GC_STATS_SIZE_WORD	  97
#define GC_STATS_WORD		  98
#define GC_STATS_BYTES		  0x460
#define GC_STATS_FULL_COLLECTIONS 0x3a0 /* old[1].items[0].collections */
#define GC_STATS_RECORD_BYTES	  0x40	/* struct gc_generation_stats */
#define GC_STATS_RECORD_CNT	  3	/* GC_OLD_STATS_SIZE */

/* Before 3.15: struct gc_generation_stats {Py_ssize_t collections, collected, uncollectable;} */
#define GC_GENERATION_STATS_BYTES 24

/* co_extra is between _co_firsttraceable (int) and co_code_adaptive (3.13 to 3.15). */
#define FIRST_TRACEABLE_BEFORE_CODE 16
/*
 * utf8_length and utf8, which PyCompactUnicodeObject has and PyASCIIObject does not (3.12 and
 * later).
 */
#define COMPACT_BEYOND_ASCII 16
/* datastack_chunk, datastack_top, datastack_limit, datastack_cached_chunk (from 3.15 on) */
#define CACHED_CHUNK_MINOR	 15
#define CACHED_CHUNK_AFTER_STACK 24

struct debug_image {
	uint64_t words[DEBUG_WORDS_MAX];
	int minor;
	size_t index; /* in the arrays by minor version */
};

const struct py_offsets *py_offsets__of_version(int major, int minor)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		if (versions[i].major == major && versions[i].minor == minor)
			return versions[i].offsets;
	return NULL;
}

static int refuse_version(int major, int minor, struct failure *failure)
{
	return failure__set(
		failure, -ENOTSUP,
		"the layout of Python %d.%d is unknown; pyfrag knows 2.7 and 3.6 to 3.%d", major,
		minor, DEBUG_MINOR_FIRST + DEBUG_MINOR_CNT - 1);
}

static int load_debug_image(struct debug_image *debug, int minor, const void *image, size_t size,
			    struct failure *failure)
{
	size_t index = (size_t)(minor - DEBUG_MINOR_FIRST);

	if (minor < DEBUG_MINOR_FIRST || index >= DEBUG_MINOR_CNT)
		return refuse_version(3, minor, failure);
	if (size < debug_word_cnts[index] * sizeof(debug->words[0]))
		return failure__set(failure, -EBADMSG,
				    "_Py_DebugOffsets of Python 3.%d is truncated", minor);
	*debug = (struct debug_image){.minor = minor, .index = index};
	memcpy(debug->words, image, debug_word_cnts[index] * sizeof(debug->words[0]));
	return 0;
}

/*
 * PY_VERSION_HEX: major, minor and micro, a byte each; then release level (0xa, 0xb, 0xc, 0xf) and
 * serial.
 */
static int check_version(const struct debug_image *debug, struct failure *failure)
{
	struct debug_offsets_head head;
	uint64_t hex;

	memcpy(&head, debug->words, sizeof(head));
	hex = head.version;
	if (memcmp(head.cookie, DEBUG_OFFSETS_COOKIE, sizeof(head.cookie)) != 0)
		return failure__set(failure, -EBADMSG,
				    "_PyRuntime does not begin with _Py_DebugOffsets");
	if (hex >> 16 != (0x300U | (uint64_t)debug->minor))
		return failure__set(
			failure, -EBADMSG,
			"_Py_DebugOffsets has version %#lx, which is not one of Python 3.%d", hex,
			debug->minor);
	if ((hex >> 4 & 0xf) < 0xc)
		return failure__set(failure, -ENOTSUP,
				    "alpha and beta versions of Python 3.%d (%#lx) are not "
				    "supported; use a release",
				    debug->minor, hex);
	if (head.free_threaded)
		return failure__set(failure, -ENOTSUP, "free-threaded Python 3.%d is not supported",
				    debug->minor);
	return 0;
}

static int check_sizes(const struct debug_image *debug, struct failure *failure)
{
	for (size_t i = 0; i < DEBUG_RECORD_CNT; i++) {
		uint64_t size = debug->words[debug_records[i].words[debug->index]];

		if (!size || size > debug_records[i].size_max || size % sizeof(uint64_t))
			return failure__set(
				failure, -EBADMSG,
				"implausible _Py_DebugOffsets: %s has a size of %lu bytes",
				debug_records[i].name, size);
	}
	return 0;
}

/*
 * Whether @size bytes at @offset are in the structure and aligned to @size, and the offset fits
 * into struct py_offsets.
 */
static bool fits(const struct debug_image *debug, enum debug_record record, uint64_t offset,
		 uint64_t size)
{
	uint64_t whole = debug->words[debug_records[record].words[debug->index]];

	return offset < PY_NO_OFFSET && offset % size == 0 && offset + size <= whole;
}

static int take_members(struct py_offsets *offsets, const struct debug_image *debug,
			struct failure *failure)
{
	for (size_t i = 0; i < ARRAY_SIZE(debug_members); i++) {
		const struct debug_member *member = &debug_members[i];
		uint64_t offset = debug->words[member->words[debug->index]];

		if (!fits(debug, member->record, offset, member->size))
			return failure__set(
				failure, -EBADMSG,
				"implausible _Py_DebugOffsets: a member of %s is at %#lx",
				debug_records[member->record].name, offset);
		*(__u16 *)((char *)offsets + member->field) = (__u16)offset;
	}
	return 0;
}

/* Derives the remaining members by their order in the structures. */
static int derive_members(struct py_offsets *offsets, const struct debug_image *debug,
			  struct failure *failure)
{
	int first_traceable = offsets->code_code - FIRST_TRACEABLE_BEFORE_CODE;

	/* These never moved: a table that says otherwise cannot be trusted in the rest. */
	if (offsets->object_type != sizeof(uint64_t) ||
	    offsets->code_size != 2 * sizeof(uint64_t) || first_traceable <= offsets->code_size ||
	    !fits(debug, UNICODE, offsets->unicode_ascii_data + COMPACT_BEYOND_ASCII, 1))
		return failure__set(failure, -EBADMSG,
				    "_Py_DebugOffsets describes objects of an unknown layout");
	if (debug->minor >= CACHED_CHUNK_MINOR &&
	    fits(debug, THREAD, offsets->thread_data_stack + CACHED_CHUNK_AFTER_STACK,
		 sizeof(uint64_t)))
		offsets->thread_cached_chunk =
			offsets->thread_data_stack + CACHED_CHUNK_AFTER_STACK;
	offsets->code_first_traceable = (__u16)first_traceable;
	offsets->unicode_compact_data = offsets->unicode_ascii_data + COMPACT_BEYOND_ASCII;
	return 0;
}

/*
 * generation_stats[] is right before `collecting` (3.13, 3.14); in 3.15 it is a pointer, and its
 * offset is given. In a build where this does not hold, the counter is unknown.
 */
static void derive_full_collections(struct py_offsets *offsets, const struct debug_image *debug)
{
	uint64_t gc = debug->words[interpreter_gc_words[debug->index]];
	uint64_t at;

	if (!fits(debug, INTERPRETER, gc, sizeof(uint64_t)))
		return;
	if (debug->minor < GC_STATS_MINOR) {
		at = debug->words[gc_collecting_words[debug->index]] - GC_GENERATION_STATS_BYTES;
		if (fits(debug, GC, at, sizeof(uint64_t)) &&
		    fits(debug, INTERPRETER, gc + at, sizeof(uint64_t)))
			offsets->full_collections_in_interpreter = (__u16)(gc + at);
		return;
	}
	at = debug->words[GC_STATS_WORD];
	if (debug->words[GC_STATS_SIZE_WORD] != GC_STATS_BYTES ||
	    !fits(debug, GC, at, sizeof(uint64_t)) ||
	    !fits(debug, INTERPRETER, gc + at, sizeof(uint64_t)))
		return;
	offsets->interpreter_gc_stats = (__u16)(gc + at);
	offsets->gc_stats_full_collections = GC_STATS_FULL_COLLECTIONS;
	offsets->gc_stats_record_size = GC_STATS_RECORD_BYTES;
	offsets->gc_stats_record_cnt = GC_STATS_RECORD_CNT;
}

int py_offsets__parse(struct py_offsets *out, int minor, const void *image, size_t size,
		      struct failure *failure)
{
	struct py_offsets offsets = {
		NO_CFRAME,
		NO_CACHED_CHUNK,
		NO_FULL_COLLECTIONS,
		.runtime_current_thread = PY_NO_OFFSET,
		/* Py_TAG_BITS, Include/internal/pycore_stackref.h */
		.frame_code_tags = minor >= 14 ? 3 : 0,
		.instr_kind = PY_INSTR_NEXT,
		.line_kind = PY_LINES_LOCATIONS,
		/*
		 * FRAME_OWNED_BY_CSTACK in 3.13; later FRAME_OWNED_BY_INTERPRETER, which the former
		 * follows.
		 */
		.frame_owner_native = 3,
	};
	struct debug_image debug;
	int err;

	err = load_debug_image(&debug, minor, image, size, failure);
	if (!err)
		err = check_version(&debug, failure);
	if (!err)
		err = check_sizes(&debug, failure);
	if (!err)
		err = take_members(&offsets, &debug, failure);
	if (!err)
		err = derive_members(&offsets, &debug, failure);
	if (err)
		return err;
	derive_full_collections(&offsets, &debug);
	*out = offsets;
	return 0;
}

int py_offsets__find(struct py_offsets *out, int major, int minor, uint64_t runtime,
		     const struct memory *memory, struct failure *failure)
{
	const struct py_offsets *known = py_offsets__of_version(major, minor);
	size_t index = (size_t)(minor - DEBUG_MINOR_FIRST);
	uint64_t words[DEBUG_WORDS_MAX];
	int err;

	if (known) {
		*out = *known;
		return 0;
	}
	if (major != 3 || minor < DEBUG_MINOR_FIRST || index >= DEBUG_MINOR_CNT)
		return refuse_version(major, minor, failure);
	if (!runtime)
		return failure__set(failure, -ENODATA,
				    "Python %d.%d: its data contains no _PyRuntime", major, minor);
	err = memory__read(memory, runtime, words, debug_word_cnts[index] * sizeof(words[0]));
	if (err)
		return failure__set(failure, err, "cannot read _PyRuntime: %s", strerror(-err));
	return py_offsets__parse(out, minor, words, sizeof(words), failure);
}
