/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pymalloc's structures in the target's memory (64-bit). Source: CPython's Objects/obmalloc.c (2.7
 * to 3.11) and Include/internal/pycore_obmalloc.h (since 3.12); the layout is the same from 2.7 to
 * 3.15. The pool header is in pyfrag/pool_header.h, which BPF programs include as well.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "pyfrag/pool_header.h"

struct arena_object {
	uint64_t address;      /* 0: the slot is unused */
	uint64_t pool_address; /* the next pool to carve off */
	uint32_t nfreepools;   /* pools that are free or were never carved off */
	uint32_t ntotalpools;
	uint64_t freepools;
	uint64_t nextarena; /* for an unused slot: the next unused slot */
	uint64_t prevarena;
};

static_assert(sizeof(struct arena_object) == 48, "arena_object is 48 bytes");

#define SIZE_CLASSES_MAX   64 /* with an alignment of 8 */
#define ARENA_OBJECTS_INIT 16 /* INITIAL_ARENA_OBJECTS; the array doubles from there */
