/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address space made of the test's own buffers, which is read like a live process' memory. A
 * test may change it while it is read: a hook is called before each piece is copied. The copy of a
 * range can be split into pieces, so that it is torn like a copy of running memory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/memory.h"

struct fake_range {
	uint64_t address;
	size_t size;
	uint8_t *bytes;
};

struct fake_memory {
	struct memory memory; /* for the code under test */
	struct fake_range *ranges;
	size_t range_cnt, range_capacity;
	size_t piece_size; /* the most bytes copied at once; 0: a whole range */
	/* Called before each piece; may map, unmap and write. May be NULL. */
	void (*before_read)(void *context, uint64_t address, size_t size);
	void *context;
	struct fake_swapped { /* pages that are swapped out: memory.reads_swapped */
		uint64_t start, end;
	} swapped[8];
	size_t swapped_cnt;
	int error; /* if not 0, every read returns it, as if the process were gone */
	uint64_t call_cnt;
};

void fake_memory__init(struct fake_memory *fake);
void fake_memory__release(struct fake_memory *fake);

/* Maps @size zero bytes at @address, which must be free. Returns the bytes. */
void *fake_memory__map(struct fake_memory *fake, uint64_t address, size_t size);

/* Unmaps the mapping at @address. */
void fake_memory__unmap(struct fake_memory *fake, uint64_t address);

/* Unmaps a piece in the middle of a mapping. */
void fake_memory__punch_hole(struct fake_memory *fake, uint64_t address, size_t size);

/* From now on, that range is swapped out. */
void fake_memory__swap_out(struct fake_memory *fake, uint64_t address, size_t size);

/* The @size bytes at @address, which must be in one mapping; NULL if they are not mapped. */
void *fake_memory__find(const struct fake_memory *fake, uint64_t address, size_t size);

/* Like fake_memory__find(), for bytes that must exist. */
void *fake_memory__at(const struct fake_memory *fake, uint64_t address, size_t size);
uint64_t *fake_memory__word(const struct fake_memory *fake, uint64_t address);
