/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The writable data of a module: .data, .bss, and what is read-only after relocation.
 *
 * A libpython has one or two megabytes of it, and is copied as a whole. But a program that has a
 * Python in it may have gigabytes of tables, most of which it never touches, and a hostile one may
 * say that it has, so that nobody looks into it. Of so much data, pages that the process has never
 * touched are left out (memory__find_touched()), and the rest is not copied at once: it is read one
 * piece at a time whenever it is searched.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/memory.h"
#include "target/module.h"

/* Bytes that could not be read are zero. */
struct data_segment {
	uint64_t address;
	uint8_t *bytes; /* a copy; NULL: they are read when they are looked at */
	size_t size;
};

struct data_image {
	struct data_segment *segments; /* by address, as in the file's headers */
	size_t segment_cnt, segment_capacity;
	uint64_t module_start,
		module_end; /* all of the module's segments lie between; 0: not known */
};

/*
 * Finds the data, and copies it out of @memory if it has no more than 32 MiB. Returns 0; -EFBIG:
 * more than 1 GiB of it was touched, or it says that it has more than 64 GiB; or negative errno.
 * The caller frees the image.
 */
int module__read_data(const struct module *module, const struct memory *memory,
		      struct data_image *out);
void data_image__free(struct data_image *image);

/* How many bytes there are to look at. */
uint64_t data_image__bytes(const struct data_image *image);

/* Each byte of the data is in one piece. */
struct data_piece {
	uint64_t address;
	const uint8_t *bytes;
	size_t size;
	/*
	 * How many bytes are there: of what begins in this piece up to DATA_TAIL_BYTES more, which
	 * the next one has, too.
	 */
	size_t extent;
};

#define DATA_TAIL_BYTES 4096UL

/* Returns 0 to go on, or what data_image__visit() is to return. */
typedef int data_image_fn(const struct data_piece *piece, void *context);

/*
 * Shows all of the data to @look, in pieces of a megabyte at most if it was not copied. Returns
 * what @look has returned, or as memory__read_ranges().
 */
int data_image__visit(const struct data_image *image, const struct memory *memory,
		      data_image_fn *look, void *context);
