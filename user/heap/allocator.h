/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allocator as the rest of the program sees it: a table of operations on its heaps in a target.
 * Everything else about an allocator is private to its own directory.
 *
 * A target can have heaps of several allocators at once, and several heaps of one. docs/code.md
 * describes how to add an allocator.
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

/* Where allocators look for heaps. Nothing in it is owned; it must outlive the heaps found. */
struct heap_context {
	struct target *target;
	const struct python *python;
};

/*
 * A heap in a target: its allocator and its layout. An allocator embeds this in a struct with what
 * it needs to find the heap's regions again.
 */
struct target_heap {
	const struct allocator *allocator;
	struct heap_context context;
	struct heap_layout layout;
	/*
	 * Set by who has read the heap, the first time (source/debug_hooks.h): the name in reports,
	 * until then NULL; and whether blocks begin with the header that PYTHONMALLOC=debug adds.
	 */
	const char *name;
	bool has_debug_hooks;
};

/* The heaps of a target, which it owns. Zero-initialized. */
struct target_heaps {
	struct target_heap **items;
	size_t cnt, capacity;
};

struct allocator {
	const char *name, *debug_name; /* in reports; with Python's debug hooks */
	/*
	 * Adds the allocator's heaps in the target to @heaps (target_heaps__add()), which has those
	 * of the allocators before. If there are some, it may add a heap without a look whether it
	 * exists: then update() finds no regions. Errors, each described in @failure: -ENODATA it
	 * has none; or negative errno.
	 */
	int (*locate)(struct target_heaps *heaps, const struct heap_context *context,
		      struct failure *failure);
	/* Frees a heap that locate() created. */
	void (*free)(struct target_heap *target_heap);
	/*
	 * Reads a heap into @heap, and what the allocator keeps with @target_heap. @heap either is
	 * empty and has its layout, or was read before
	 * with keep_stamps and has not been changed since by anything else. Adds to @counts. Does
	 * not pause the target and reads no clock. Errors, each described in @failure, after which
	 * @heap is partly updated: -EDQUOT over the account's limit; -EAGAIN, -EUCLEAN the target
	 * changed too fast, or is damaged; a value that progress() returned; or negative errno of
	 * reading.
	 */
	int (*update)(struct target_heap *target_heap, struct heap *heap,
		      const struct checkpoint_options *options, struct checkpoint_counts *counts,
		      struct failure *failure);
	/*
	 * Reads the @cnt spans at the addresses @spans again into @heap. Spans that cannot be read,
	 * stay torn, or are in no region are left unchanged. Returns 0 or negative errno.
	 */
	int (*reread)(const struct target_heap *target_heap, struct heap *heap,
		      const uint64_t *spans, size_t cnt, struct checkpoint_counts *counts);
};

/* Adds a heap. Takes ownership: frees it on failure. Returns 0 or -ENOMEM. */
int target_heaps__add(struct target_heaps *heaps, struct target_heap *target_heap);

/*
 * Calls locate() of each of the NULL-terminated @allocators, in their order. Returns 0 if there is
 * a heap; -ENODATA if there is none, with the first allocator's description; or the first other
 * error, without any heap. The caller frees.
 */
int target_heaps__find(struct target_heaps *out, const struct allocator *const *allocators,
		       const struct heap_context *context, struct failure *failure);

void target_heaps__free(struct target_heaps *heaps);
