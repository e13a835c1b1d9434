/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The writable data of a module: .data, .bss, and what becomes read-only after relocation.
 *
 * A libpython has one or two megabytes of it, which is copied as a whole. But a program that embeds
 * Python may have gigabytes of tables, most of which it never touches, and a hostile one may claim
 * to have them, so that nobody searches it. Of such large data, pages that the process has never
 * touched are left out (memory__find_touched()), and the rest is not copied at once, but read piece
 * by piece whenever it is searched.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/memory.h"
#include "target/module.h"

/* Unreadable bytes are zero. */
struct data_segment {
	uint64_t address;
	uint8_t *bytes; /* a copy; NULL: they are read when they are searched */
	size_t size;
};

struct data_image {
	struct data_segment *segments; /* by address, as in the file's headers */
	size_t segment_cnt, segment_capacity;
	uint64_t module_start,
		module_end; /* all of the module's segments are between these; 0: unknown */
};

/*
 * Finds the data, and copies it from @memory if it is at most 32 MiB. Returns 0; -EFBIG: more than
 * 1 GiB of it was touched, or the headers claim more than 64 GiB; or negative errno. The caller
 * frees the image.
 */
int module__read_data(const struct module *module, const struct memory *memory,
		      struct data_image *out);
void data_image__free(struct data_image *image);

/* The number of bytes to search. */
uint64_t data_image__bytes(const struct data_image *image);

/* Each byte of the data is in exactly one piece. */
struct data_piece {
	uint64_t address;
	const uint8_t *bytes;
	size_t size;
	/*
	 * The number of bytes available: up to DATA_TAIL_BYTES more than @size, for items that
	 * begin in this piece. The next piece contains these bytes, too.
	 */
	size_t extent;
};

#define DATA_TAIL_BYTES 4096UL

/* Returns 0 to continue, or a result that ends the visit. */
typedef int data_image_fn(const struct data_piece *piece, void *context);

/*
 * Passes all of the data to @look, in pieces of at most a megabyte if it was not copied. Returns
 * the nonzero result of @look that ended the visit, 0, or as memory__read_ranges().
 */
int data_image__visit(const struct data_image *image, const struct memory *memory,
		      data_image_fn *look, void *context);
