/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offsets in the structures of the CPython that a process runs.
 *
 * Up to 3.12 they are in a table with a row per minor version: the values are from the debug
 * information of real builds (2.7.18, 3.6.15, 3.7.16, 3.8.18, 3.9.18, 3.10.13, 3.11.7, 3.12.1), and
 * tests compare them with it. From 3.13 on Python provides them itself: _PyRuntime begins with
 * _Py_DebugOffsets (Include/internal/pycore_runtime.h in 3.13, pycore_debug_offsets.h later), whose
 * order differs between minor versions and is stable within one from its first release candidate
 * on.
 *
 * Builds --with-pydebug before 3.8 (their objects begin with two more words) and free-threaded ones
 * have other layouts, which are not supported. The table is that of x86-64: where pthread_mutex_t
 * is larger, runtime_current_thread, which is after some of them, differs.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pyfrag/py_offsets.h"
#include "target/memory.h"
#include "util/failure.h"

#define DEBUG_OFFSETS_COOKIE "xdebugpy"

/* The start of _Py_DebugOffsets, which is the same in all versions. */
struct debug_offsets_head {
	char cookie[8];
	uint64_t version; /* PY_VERSION_HEX */
	uint64_t free_threaded;
	struct {
		uint64_t size, finalizing, interpreters_head;
	} runtime_state;
	struct {
		uint64_t size, id, next;
	} interpreter_state;
};

/*
 * The table of a version up to 3.12, or NULL. It does not contain the counter of full collections,
 * which is found in memory: see target/full_collections.h.
 */
const struct py_offsets *py_offsets__of_version(int major, int minor);

/*
 * Parses the _Py_DebugOffsets of Python 3.@minor in @image. Every value is checked against the size
 * of its structure. Errors: -ENOTSUP an unknown minor version or kind of build, -EBADMSG not a
 * _Py_DebugOffsets, or a damaged one; @failure says what.
 */
int py_offsets__parse(struct py_offsets *out, int minor, const void *image, size_t size,
		      struct failure *failure);

/*
 * The offsets of a Python of version @major.@minor, whose _PyRuntime is at @runtime (ignored up to
 * 3.12). Errors: -ENOTSUP, -EBADMSG as above, -ENODATA no _PyRuntime from 3.13 on (@runtime is 0),
 * or negative errno from reading.
 */
int py_offsets__find(struct py_offsets *out, int major, int minor, uint64_t runtime,
		     const struct memory *memory, struct failure *failure);
