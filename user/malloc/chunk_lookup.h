/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which chunk of a process's mallocs an address lies in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "malloc/mallocs.h"

struct known_chunk {
	uint64_t block, size; /* address of the block; size of the whole chunk, bytes */
	enum chunk_state state;
	bool is_mapped; /* it has a mapping of its own */
};

/*
 * Finds the chunk whose block begins at @address or before it, and ends behind it. Returns false,
 * with *out unchanged, if there is none: the address is not malloc's, in the top of an arena, or in
 * what could not be read.
 */
bool mallocs__find_chunk(const struct mallocs *mallocs, uint64_t address, struct known_chunk *out);
