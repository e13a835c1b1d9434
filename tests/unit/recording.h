/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recorded memory of a real CPython, and its own heap statistics at that moment. The files are
 * in tests/unit/recordings; record_memory.py there creates them and documents their format.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "fake_memory.h"
#include "pymalloc/geometry.h"
#include "target/module_data.h"

/* The process' own statistics, printed by sys._debugmallocstats(). Sizes are in bytes. */
struct recorded_stats {
	uint64_t arenas, arena_bytes, live_bytes, free_block_bytes, free_pool_bytes;
	uint64_t overhead_bytes; /* pool headers, quantization, arena alignment */
	struct recorded_class {
		uint64_t pools, live_blocks, free_blocks;
	} classes[SIZE_CLASSES_MAX];
};

struct recording {
	char build[96], version[32];
	struct geometry geometry;
	uint64_t used_pools, arenas; /* the addresses of the table and of the array */
	struct recorded_stats stats;
	struct fake_memory memory;
	struct data_image data; /* copies of segments that are also in the memory */
	struct recording_change {
		uint64_t *word, value;
	} * changes; /* to the memory, with the previous content; oldest first */
	size_t change_cnt, change_capacity;
};

/*
 * Loads the file at @path; the caller releases the recording. Returns 0, -EBADMSG if the file is
 * malformed, or the negative errno of opening it.
 */
int recording__load(struct recording *out, const char *path);
void recording__release(struct recording *recording);

/* The header of the pool at @address, in the memory. */
struct pool_header *recording__pool(const struct recording *recording, uint64_t address);

/* The bytes at @address in the copy of the data; they must exist. */
uint8_t *recording__in_data(const struct recording *recording, uint64_t address, size_t size);

/* Writes a word to the memory; recording__repair() undoes all of these writes. */
void recording__overwrite(struct recording *recording, uint64_t address, uint64_t value);
void recording__repair(struct recording *recording);

/* Parses the text of sys._debugmallocstats(). Returns 0, or -EBADMSG if a value is missing. */
int recorded_stats__parse(struct recorded_stats *out, const char *text);
