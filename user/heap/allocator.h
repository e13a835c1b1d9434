/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allocator, as the rest of the program sees it: a table of operations on the heaps that it has
 * in a target. All else that is known of it lies behind these, in a room of its own.
 *
 * A target has the heaps of several allocators at once, and may have several of one. How an
 * allocator is added says docs/code.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "heap/heap.h"
#include "heap/heap_reading.h"
#include "target/python.h"
#include "target/target.h"
#include "util/failure.h"

struct allocator;

/* Where allocators look for heaps. None of it is owned; it outlives the heaps that are found. */
struct heap_context {
	const struct target *target;
	const struct python *python;
};

/*
 * A heap in a target: whose it is and how it is divided. An allocator embeds this in what it has to
 * know to find the heap's regions again.
 */
struct target_heap {
	const struct allocator *allocator;
	struct heap_context context;
	struct heap_layout layout;
	/* As reports have it, debug hooks included; NULL before the heap was first read. */
	const char *name;
	/* Whether blocks begin with what PYTHONMALLOC=debug adds; known once it was read. */
	bool has_debug_hooks;
};

/* Heaps of a target, which own what they hold. Zero-initialized. */
struct target_heaps {
	struct target_heap **items;
	size_t cnt, capacity;
};

struct allocator {
	const char *name;
	/*
	 * Adds its heaps in the target to @heaps (target_heaps__add()). Errors, each described in
	 * @failure: -ENODATA it has none; or negative errno.
	 */
	int (*locate)(struct target_heaps *heaps, const struct heap_context *context,
		      struct failure *failure);
	/* Frees a heap that locate() made. */
	void (*free)(struct target_heap *target_heap);
	/*
	 * Reads a heap into @heap, which is empty and of its layout, or was read before with
	 * keep_stamps and changed by nothing else. Adds to @counts. Neither stops the target nor
	 * asks what time it is. Errors, each described in @failure; then @heap is partly up to
	 * date: -EDQUOT the account does not allow it; -EAGAIN, -EUCLEAN it changed too fast, or is
	 * damaged; a value that progress() returned; or negative errno of reading.
	 */
	int (*update)(struct target_heap *target_heap, struct heap *heap,
		      const struct checkpoint_options *options, struct checkpoint_counts *counts,
		      struct failure *failure);
	/*
	 * Reads some spans again into @heap: those at the @cnt addresses of @spans. Spans that
	 * cannot be read, or stay torn, or are in no region, are left as they are. Returns 0 or
	 * negative errno.
	 */
	int (*reread)(const struct target_heap *target_heap, struct heap *heap,
		      const uint64_t *spans, size_t cnt, struct checkpoint_counts *counts);
	/* Whether it keeps one region that has become empty, in place of releasing it. */
	bool (*keeps_one_empty)(const struct target_heap *target_heap);
};

/* Adds a heap, taken over: it is freed if that fails. Returns 0 or -ENOMEM. */
int target_heaps__add(struct target_heaps *heaps, struct target_heap *target_heap);

/*
 * Asks each of @allocators (the last one is followed by NULL) for its heaps. Returns 0
 * if there is a heap; -ENODATA if there is none, with what the first allocator says of that; or the
 * first other error, without any heap. The caller frees.
 */
int target_heaps__find(struct target_heaps *out, const struct allocator *const *allocators,
		       const struct heap_context *context, struct failure *failure);

void target_heaps__free(struct target_heaps *heaps);
