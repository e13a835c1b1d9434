/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of a range that the target has touched, without reading any other page of it: tables
 * of an allocator are large and mostly empty.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/memory.h"

/* Returns 0 to go on, or what touched_words__visit() is to return. */
typedef int touched_words_fn(uint64_t address, const uint64_t *words, size_t cnt, void *context);

/*
 * Shows the touched words of [start, end), both multiples of 8, to @look, by address; what cannot
 * be read is left out. Returns 0, what @look has returned, -EDQUOT, -ENOMEM, or as
 * memory__find_touched() and memory__read().
 */
int touched_words__visit(const struct memory *memory, uint64_t start, uint64_t end,
			 touched_words_fn *look, void *context);
