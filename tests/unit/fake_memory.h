/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address space made of buffers of ours, served as a live process' memory is. A test may change
 * it while it is read: before each piece is copied a hook is called, and the copy of one range can
 * be cut into pieces, so that it is torn as a copy of running memory is.
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
	struct memory memory; /* what the code under test gets */
	struct fake_range *ranges;
	size_t range_cnt, range_capacity;
	size_t piece_size; /* at most so many bytes are copied at once; 0: a range at once */
	/* Called before each piece; may map, unmap and write. NULL: nothing happens meanwhile. */
	void (*before_read)(void *context, uint64_t address, size_t size);
	void *context;
	int error; /* not 0: what every read returns, as if the process were gone */
	uint64_t call_cnt;
};

void fake_memory__init(struct fake_memory *fake);
void fake_memory__release(struct fake_memory *fake);

/* Maps @size zero bytes at @address, where nothing is mapped yet. Returns the bytes. */
void *fake_memory__map(struct fake_memory *fake, uint64_t address, size_t size);

/* Unmaps what was mapped at @address. */
void fake_memory__unmap(struct fake_memory *fake, uint64_t address);

/* Unmaps a piece out of the middle of a mapping. */
void fake_memory__punch_hole(struct fake_memory *fake, uint64_t address, size_t size);

/* The @size bytes at @address, which lie in one mapping, or NULL. */
void *fake_memory__find(const struct fake_memory *fake, uint64_t address, size_t size);

/* As above, of bytes that must be there. */
void *fake_memory__at(const struct fake_memory *fake, uint64_t address, size_t size);
uint64_t *fake_memory__word(const struct fake_memory *fake, uint64_t address);
