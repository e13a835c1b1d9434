/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many full garbage collections a Python has made, gc.get_stats()[2]["collections"]: each
 * clears the free lists, and so frees blocks that nobody let go of just then.
 *
 * Where the counter is, _Py_DebugOffsets leads to from 3.13 on. Before, it is in struct
 * _gc_runtime_state (Include/internal/pycore_gc.h; pymem.h in 3.7), which moved even within a minor
 * version, but is known by a pointer into itself: generations[3], generation0 ==
 * &generations[0].head, permanent_generation, generation_stats[3].
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "target/memory.h"
#include "target/python.h"
#include "target/runtime.h"

/*
 * Finds the counter of a @python up to 3.12 and writes into @runtime where it is. Where it is not
 * found, full_collections__read() says so. Returns 0, or negative errno when nothing can be read at
 * all.
 */
int full_collections__locate(struct runtime *runtime, const struct python *python,
			     const struct memory *memory);

/*
 * The number of full collections in all interpreters that there are; it falls when one of them ends
 * (from 3.9 on each counts its own). Returns 0; -ENODATA: this Python does not count (2.7), or the
 * counter was not found; -EFAULT: an interpreter went away meanwhile; or negative errno.
 */
int full_collections__read(uint64_t *out, const struct runtime *runtime,
			   const struct memory *memory);

/* How many there have been since it began, of all interpreters, also of those that ended. */
struct collection_count {
	struct runtime runtime;
	const struct memory *memory;
	bool is_known; /* this Python counts */
	uint64_t cnt;
	uint64_t last; /* as last read */
};

/*
 * Begins to count. @runtime: NULL if it was not found. @from_start: those that are counted already
 * have come since, too. @memory must outlive the count.
 */
void collection_count__begin(struct collection_count *count, const struct runtime *runtime,
			     const struct memory *memory, bool from_start);

/* Adds what has come; nothing if it cannot be read just now. */
void collection_count__update(struct collection_count *count);
