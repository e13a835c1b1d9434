/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap made by hand, in a fake address space: an arena, and objects of a few types in it, as
 * CPython 3.8 lays them out.
 */
#pragma once

#include <stdint.h>

#include "census/census.h"
#include "fake_types.h"
#include "sample_heap.h"

#define ARENA	0x7f0000000000UL
#define POOL(n) (ARENA + (n)*4096UL)
#define HEAD	16UL /* PyGC_Head */
#define TYPES	0x7f5600000000UL
#define NOWHERE 0x7f9900000000UL

enum class_id {
	STR,
	DICT,
	LIST,
	SET,
	POINT,
	LINKED,
	TUPLE,
	CLASS_CNT
};

struct world {
	struct fake_memory memory;
	struct heap *heap;
	uint32_t next[SIZE_CLASSES_MAX]; /* block of the pool of each class */
};

uint64_t world__class(enum class_id id);
void world__make(struct world *world);
void world__release(struct world *world);

/* A live block with so many @words at its beginning. */
uint64_t world__add(struct world *world, uint32_t size, const uint64_t *words, size_t cnt);

#define ADD(world, size, ...)                                                                      \
	world__add(world, size, (uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / 8)

/* Blocks of any content: words of types, of blocks, of nothing. */
void world__add_nonsense(struct world *world, uint64_t *random);

struct census *world__take(const struct world *world);

/* As above, where it may fail: as census__take(). */
int world__try(const struct world *world, struct census **out);
