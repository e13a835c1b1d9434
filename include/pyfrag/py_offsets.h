/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offsets in the structures of one version of CPython: what is needed to walk from the runtime to
 * the threads, from a thread to its frames, and from a frame to the names and lines of its code.
 *
 * All are in bytes from the start of the structure named in the comment; see the headers of the
 * version under Include/. PY_NO_OFFSET: the version has no such member. BPF programs and user space
 * use the same table; user/target/offsets.h says where its values come from.
 */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#define PY_NO_OFFSET 0xffff

/*
 * Bits of PyThreadState._status: `initialized` and `active` (Include/cpython/pystate.h, 3.12 to
 * 3.15).
 */
#define PY_THREAD_INITIALIZED 0x01
#define PY_THREAD_ACTIVE      0x10

/* How a frame stores its position in the code. */
enum py_instr_kind {
	PY_INSTR_BYTES = 1, /* f_lasti, int: bytes into the code (2.7 to 3.9); -1: not started */
	PY_INSTR_UNITS,	    /* f_lasti, int: 2-byte units (3.10); -1: not started */
	PY_INSTR_PREVIOUS,  /* prev_instr: the last instruction executed (3.11, 3.12) */
	PY_INSTR_NEXT,	    /* instr_ptr: the current or next instruction (from 3.13 on) */
};

/* How a code object maps instructions to lines. */
enum py_line_kind {
	PY_LINES_UNSIGNED = 1, /* co_lnotab, line steps from 0 to 255 (2.7) */
	PY_LINES_SIGNED,       /* co_lnotab, line steps are signed (3.6 to 3.9) */
	PY_LINES_RANGES,       /* co_linetable of 3.10 */
	PY_LINES_LOCATIONS,    /* co_linetable from 3.11 on */
};

struct py_offsets {
	/* _PyRuntimeState: interpreters.head. PY_NO_OFFSET before 3.7. */
	__u16 runtime_interpreters_head;
	/*
	 * _PyRuntimeState: gilstate.tstate_current, the PyThreadState that holds the GIL (3.7 to
	 * 3.11). In earlier versions it is the variable _PyThreadState_Current. PY_NO_OFFSET in
	 * others.
	 */
	__u16 runtime_current_thread;

	/* PyInterpreterState */
	__u16 interpreter_next;
	__u16 interpreter_threads_head; /* tstate_head, threads.head */

	/* PyThreadState */
	__u16 thread_next;
	__u16 thread_interpreter;
	__u16 thread_id; /* pthread_self() of that thread */
	/*
	 * _status, 32 bits: whether its thread currently runs with it, because a thread has a state
	 * in each interpreter that it has entered. PY_NO_OFFSET before 3.12.
	 */
	__u16 thread_status;
	/*
	 * Up to 3.10 frame: PyFrameObject *; in 3.11 and 3.12 cframe: a structure whose
	 * cframe_current_frame is the frame; from 3.13 on current_frame.
	 */
	__u16 thread_frame;
	__u16 cframe_current_frame; /* _PyCFrame; PY_NO_OFFSET except in 3.11 and 3.12 */
	/*
	 * datastack_chunk: the newest piece of the memory for its frames. datastack_top and
	 * datastack_limit follow. PY_NO_OFFSET before 3.11.
	 */
	__u16 thread_data_stack;
	__u16 thread_cached_chunk; /* datastack_cached_chunk; PY_NO_OFFSET before 3.15 */

	/* PyFrameObject up to 3.10, _PyInterpreterFrame from 3.11 on */
	__u16 frame_previous; /* f_back, previous */
	__u16 frame_code;     /* f_code, f_executable */
	__u16 frame_instr;    /* f_lasti, prev_instr, instr_ptr */
	__u16 frame_owner;    /* char; PY_NO_OFFSET before 3.11 */
	/* Mask of the low bits of frame_code that are not part of the address (from 3.14 on). */
	__u8 frame_code_tags;
	__u8 instr_kind; /* enum py_instr_kind */
	__u8 line_kind;	 /* enum py_line_kind */
	/*
	 * Frames with this owner or a higher one belong to the interpreter itself and represent no
	 * Python code; 0xff: none.
	 */
	__u8 frame_owner_native;

	/* PyCodeObject */
	__u16 code_name;	/* co_name */
	__u16 code_qualname;	/* co_qualname; PY_NO_OFFSET before 3.11 */
	__u16 code_filename;	/* co_filename */
	__u16 code_firstlineno; /* int */
	__u16 code_line_table;	/* co_lnotab, co_linetable: a bytes object */
	/* co_code (a bytes object) up to 3.10; then co_code_adaptive, the code itself. */
	__u16 code_code;
	__u16 code_size; /* Py_SIZE: Py_ssize_t, 2-byte units; PY_NO_OFFSET before 3.11 */
	__u16 code_first_traceable; /* _co_firsttraceable, int, units; PY_NO_OFFSET before 3.11 */

	/* PyObject, PyBytesObject (2.7: str), PyUnicodeObject (PEP 393; not in 2.7) */
	__u16 object_type;
	__u16 bytes_size; /* Py_ssize_t */
	__u16 bytes_data;
	__u16 unicode_length; /* Py_ssize_t, characters */
	__u16 unicode_state;  /* kind, compact, ascii */
	__u16 unicode_ascii_data;
	__u16 unicode_compact_data; /* if not ASCII */

	/* PyTypeObject */
	__u16 type_name; /* tp_name: char * */

	/*
	 * The number of full (oldest generation) garbage collections, Py_ssize_t; each clears free
	 * lists. It is in the PyInterpreterState (3.9 to 3.14) or in the _PyRuntimeState (3.7,
	 * 3.8). In 3.6 it is in a static array, and 2.7 does not count. PY_NO_OFFSET where it is in
	 * neither.
	 */
	__u16 full_collections_in_interpreter;
	__u16 full_collections_in_runtime;
	/*
	 * From 3.15 on, each collection leaves a record with its number in a ring; the greatest is
	 * the current number. interpreter_gc_stats points to struct gc_stats, which contains the
	 * numbers of gc_stats_record_cnt records, gc_stats_record_size apart. Before 3.15:
	 * PY_NO_OFFSET, 0.
	 */
	__u16 interpreter_gc_stats;
	__u16 gc_stats_full_collections; /* in the first record */
	__u16 gc_stats_record_size;
	__u16 gc_stats_record_cnt;
};

/*
 * The members of a frame that are needed lie within this many words in all versions. A power of
 * two, for masking.
 */
#define PY_FRAME_WORDS 32

/* How many bytes of a frame to read: up to the last member that is needed. */
static inline __u32 py_offsets__frame_bytes(const struct py_offsets *offsets)
{
	const __u16 members[] = {offsets->frame_previous, offsets->frame_code, offsets->frame_instr,
				 offsets->frame_owner};
	__u32 words = 0;

	for (int i = 0; i < 4; i++)
		if (members[i] != PY_NO_OFFSET && members[i] / 8U + 1 > words)
			words = members[i] / 8U + 1;
	return words * 8;
}
