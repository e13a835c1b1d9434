/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pymalloc's structures as they lie in the target's memory (64-bit). Source: CPython's
 * Objects/obmalloc.c (2.7 to 3.11) and Include/internal/pycore_obmalloc.h (3.12 on); their layout
 * has not changed from 2.7 to 3.15.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

struct pool_header {
	uint32_t count; /* live blocks; 0: the pool is free */
	uint32_t padding;
	uint64_t freeblock; /* head of the chain of free blocks, linked through their first word */
	uint64_t nextpool;
	uint64_t prevpool;
	uint32_t arenaindex;
	uint32_t szidx;		/* size class index */
	uint32_t nextoffset;	/* offset of the first virgin block */
	uint32_t maxnextoffset; /* the last offset at which a block fits */
};

static_assert(sizeof(struct pool_header) == 48, "pool_header is 48 bytes");

struct arena_object {
	uint64_t address;      /* 0: the slot is unused */
	uint64_t pool_address; /* the next pool to be carved off */
	uint32_t nfreepools;   /* free and never carved ones */
	uint32_t ntotalpools;
	uint64_t freepools;
	uint64_t nextarena; /* of an unused slot: the next unused slot */
	uint64_t prevarena;
};

static_assert(sizeof(struct arena_object) == 48, "arena_object is 48 bytes");

#define POOL_HEADER_BYTES  sizeof(struct pool_header)
#define SMALL_REQUEST_MAX  512 /* SMALL_REQUEST_THRESHOLD */
#define SIZE_CLASSES_MAX   64  /* with an alignment of 8 */
#define ARENA_OBJECTS_INIT 16  /* INITIAL_ARENA_OBJECTS; the array doubles from there */
