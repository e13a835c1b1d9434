/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hand-made heap in a fake address space: an arena with objects of a few types, in the layout of
 * CPython 3.8.
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
	uint32_t next[SIZE_CLASSES_MAX]; /* the next block in each class' pool */
};

uint64_t world__class(enum class_id id);
void world__make(struct world *world);
void world__release(struct world *world);

/* Adds a live block that begins with these @words. */
uint64_t world__add(struct world *world, uint32_t size, const uint64_t *words, size_t cnt);

#define ADD(world, size, ...)                                                                      \
	world__add(world, size, (uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / 8)

/* Adds an ASCII str in the layout of 3.8, of up to 15 characters. */
uint64_t world__add_text(struct world *world, const char *text);

/* Adds the keys of a dict with two entries; the values may be 0. */
uint64_t world__add_keys(struct world *world, uint64_t first_key, uint64_t first,
			 uint64_t other_key, uint64_t other);

/* Adds a dict with two entries. Returns its address, behind HEAD. */
uint64_t world__add_dict(struct world *world, uint64_t first_key, uint64_t first,
			 uint64_t other_key, uint64_t other);

/* Adds a list of @cnt items, at most 64. Returns its address, behind HEAD. */
uint64_t world__add_list(struct world *world, const uint64_t *items, size_t cnt);

/* Adds blocks of arbitrary content: addresses of types, of blocks, and others. */
void world__add_nonsense(struct world *world, uint64_t *random);

struct census *world__take(const struct world *world);

/* Takes a census that may fail; returns what census__take() does. */
int world__try(const struct world *world, struct census **out);
