/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fake process in which to locate pymalloc: the writable data of its CPython, with pymalloc's
 * variables among others, and the heap they lead to.
 */
#pragma once

#include "fake_memory.h"
#include "fake_pymalloc.h"
#include "heap/heap.h"
#include "pymalloc/checkpoint.h"
#include "pymalloc/locate.h"
#include "target/module_data.h"

#define FAKE_DATA	0x555555a00000UL /* the first byte of its data */
#define FAKE_DATA_BYTES 0x4000
#define FAKE_TABLE	(FAKE_DATA + 0x1230) /* usedpools */
#define FAKE_ARENAS	(FAKE_DATA + 0x3458) /* `arenas`, unless it follows usedpools */

enum fake_layout {
	FAKE_STATIC,  /* up to 3.11: variables in separate places */
	FAKE_INLINED, /* 3.12: `arenas` follows usedpools */
};

struct fake_target {
	struct fake_memory memory;
	struct fake_pymalloc pymalloc;
};

extern const struct geometry FAKE_GEOMETRIES[];
extern const size_t FAKE_GEOMETRY_CNT;

/* The default options; @geometry may be NULL: that of CPython 3.11. */
struct fake_options fake_target__options(const struct geometry *geometry, enum fake_layout layout);

/* Makes a target whose allocator has these @options and no blocks yet. */
void fake_target__init(struct fake_target *target, const struct fake_options *options);
void fake_target__release(struct fake_target *target);

/*
 * Copies a piece of the memory as a data segment. The caller releases it with data_image__free().
 */
void fake_target__copy_data(const struct fake_memory *memory, uint64_t address, size_t size,
			    struct data_image *out);

/* Locates the target's allocator; the test fails if that fails. The caller frees the result. */
struct obmalloc fake_target__locate(const struct fake_target *target);

/* Reads a heap for the first time, as checkpoint__update(). The caller frees it. */
int checkpoint__read(struct heap **out, struct obmalloc *obmalloc, const struct memory *memory,
		     const struct checkpoint_options *options, struct checkpoint_counts *counts);

/* The number of bits set in all of @map. */
uint64_t count_all_bits(const struct block_map *map);

/* Fails the test unless @heap consists of exactly the blocks of these @cnt allocators. */
void check_heap(const struct heap *heap, const struct fake_pymalloc *const *fakes, size_t cnt);

/* Like check_heap(), with one allocator. */
void check_heap_of(const struct heap *heap, const struct fake_pymalloc *fake);
