/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory for frames of Python functions. From 3.11 on frames are not objects, but lie in a
 * stack that each thread state has: chunks of 16 KiB or more, which the allocator of arenas maps
 * one by one, each leading to the older one. A thread keeps one chunk while it runs no Python
 * code. Since 3.15 it also keeps a chunk that it no longer needs, for the next deep call.
 *
 * Source: struct _PyStackChunk and PyThreadState in Include/cpython/pystate.h, push_chunk() and
 * _PyThreadState_PopFrame() in Python/pystate.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/memory.h"
#include "target/runtime.h"

struct frame_chunk {
	uint64_t address, size; /* bytes; both multiples of 4096 */
	uint64_t used_bytes;	/* from its start on; 0: it is kept for later */
};

/* Zero-initialized. */
struct frame_stacks {
	struct frame_chunk *chunks; /* unsorted, each once. Owned; see frame_stacks__release() */
	size_t cnt, capacity;
	size_t refused_cnt; /* lists that are circular or too long */
};

/*
 * Finds the chunks of all threads of a Python with @runtime; none before 3.11. What is malformed or
 * unreadable, as a thread that ends meanwhile leaves it, is left out. Returns 0, -EDQUOT, -ENOMEM,
 * or as memory__read_ranges(). The caller releases @out, also on failure.
 */
int frame_stacks__find(struct frame_stacks *out, const struct runtime *runtime,
		       const struct memory *memory);
void frame_stacks__release(struct frame_stacks *stacks);
