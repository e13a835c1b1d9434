/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A segment of mimalloc 2: 32 MiB, or more for one huge allocation, at a multiple of 32 MiB. It is
 * divided into slices of 64 KiB. It begins with a header and an array with an entry for each slice.
 * The entry of the first slice of a page (a run of slices with blocks of one size) or of a free run
 * has the number of slices; so the entries lead from one run to the next, to the end of the segment
 * exactly. This proves the segment, and tells how large its header and its entries are, which
 * differs between versions and builds.
 *
 * Sources: mimalloc 2.0.9 (include/mimalloc-types.h), 2.1.2 to 2.4.1 (include/mimalloc/types.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIMALLOC_SEGMENT_ALIGNMENT (32UL << 20)
#define MIMALLOC_SLICE_BYTES	   (64UL << 10)
#define MIMALLOC_SLICES		   512 /* that have an entry */

/* The first slice of a segment, which has the header and all entries. */
struct mimalloc_head {
	uint64_t words[MIMALLOC_SLICE_BYTES / 8];
};

struct mimalloc_layout {
	size_t cookie;	    /* offset of it in the header, bytes */
	size_t slices;	    /* offset of the number of slices, which other members follow */
	size_t entry_bytes; /* of a slice */
};

struct mimalloc_segment {
	struct mimalloc_layout layout;
	uint64_t cookie;      /* one number for all segments of a mimalloc */
	uint64_t slices;      /* of the whole segment */
	uint64_t info_slices; /* with the header */
};

/* A page, or a free run of slices. */
struct mimalloc_page {
	uint64_t slice, slices; /* the number of the first, and how many */
	const uint8_t *entry;
};

/* What a page has, by one of the two layouts that entries have. */
struct mimalloc_blocks {
	uint64_t block_bytes; /* 0: the run is free */
	uint64_t used;	      /* blocks */
};

/* Up to 2.1.2, and from 2.1.4 on. */
#define MIMALLOC_ENTRY_LAYOUTS 2

/*
 * Whether @head, which was read at @address, is that of a segment. If @layout is not NULL, it must
 * have that one.
 */
bool mimalloc_segment__decode(struct mimalloc_segment *out, const struct mimalloc_head *head,
			      uint64_t address, const struct mimalloc_layout *layout);

/*
 * The run of slices at @slice, the first of the segment being 0, or the first after another run.
 * Returns false at the end.
 */
bool mimalloc_segment__page(struct mimalloc_page *out, const struct mimalloc_segment *segment,
			    const struct mimalloc_head *head, uint64_t slice);

/* Decodes an entry by @entry_layout; false if it cannot have that one. */
bool mimalloc_page__decode(struct mimalloc_blocks *out, const struct mimalloc_page *page,
			   size_t entry_layout);
