/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts the full garbage collections of a Python, gc.get_stats()[2]["collections"]. Each of them
 * clears the free lists, and so frees blocks that no code has released at that moment.
 *
 * From 3.13 on _Py_DebugOffsets leads to the counter. From 3.7 to 3.12 it is in struct
 * _gc_runtime_state (Include/internal/pycore_gc.h; pymem.h in 3.7), which moved even within a minor
 * version, but is recognized by a pointer into itself: generations[3], generation0 ==
 * &generations[0].head, permanent_generation, generation_stats[3]. In 3.6 it is found by the symbol
 * of generation_stats.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "target/memory.h"
#include "target/python.h"
#include "target/runtime.h"

/*
 * Finds the counter of a @python up to 3.12 and stores its location in @runtime. If it is not
 * found, full_collections__read() reports that. Returns 0, or negative errno if nothing can be read
 * at all.
 */
int full_collections__locate(struct runtime *runtime, const struct python *python,
			     const struct memory *memory);

/*
 * The number of full collections in all current interpreters; it falls when one of them ends (from
 * 3.9 on each counts its own). Returns 0; -ENODATA: this Python does not count (2.7), or the
 * counter was not found; -EFAULT: an interpreter ended meanwhile; or negative errno.
 */
int full_collections__read(uint64_t *out, const struct runtime *runtime,
			   const struct memory *memory);

/*
 * The number of full collections since counting began, in all interpreters, including those that
 * have ended.
 */
struct collection_count {
	struct runtime runtime;
	const struct memory *memory;
	bool is_known; /* the counter was found */
	uint64_t cnt;
	uint64_t last; /* as last read */
};

/*
 * Starts counting. @runtime: NULL if it was not found. @from_start: collections that the Python has
 * already counted are included. @memory must outlive the count.
 */
void collection_count__begin(struct collection_count *count, const struct runtime *runtime,
			     const struct memory *memory, bool from_start);

/* Adds the collections since the last call; does nothing if they cannot be read at the moment. */
void collection_count__update(struct collection_count *count);
