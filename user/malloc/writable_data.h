/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The initialized static data of all programs and libraries of a target, as far as the target has
 * touched it: private writable mappings of files. A libc keeps the state of its malloc there.
 *
 * No ELF file is opened: a libc may be part of a static program, have no name any more, or lie in a
 * file that nobody can read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/mapping.h"
#include "target/memory.h"

/* What a piece has more at its end, which the next piece begins with. */
#define WRITABLE_DATA_TAIL_BYTES 4096UL

struct writable_piece {
	uint64_t address; /* a multiple of the page size */
	const uint8_t *bytes;
	size_t size;   /* bytes to look at */
	size_t extent; /* bytes that are there: up to WRITABLE_DATA_TAIL_BYTES more */
};

/* Returns 0 to go on, or what writable_data__visit() is to return. */
typedef int writable_data_fn(const struct writable_piece *piece, void *context);

/*
 * Shows the data of the @map_cnt mappings of a target's @memory to @look, by address. Stops after 1
 * GiB, with *is_cut set: a program of static data may have more. Returns 0, what @look has
 * returned, -EDQUOT, -ENOMEM, or as memory__read_ranges().
 */
int writable_data__visit(const struct memory *memory, const struct mapping *maps, size_t map_cnt,
			 writable_data_fn *look, void *context, bool *is_cut);
