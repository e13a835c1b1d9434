/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mallocng's structures in memory, with pointers of 64 bits. Source: as mallocng.h, meta.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MALLOCNG_AREA_BYTES   4096UL
#define MALLOCNG_AREA_METAS   101 /* that fit into one */
#define MALLOCNG_UNIT	      16UL
#define MALLOCNG_CLASSES      48
#define MALLOCNG_CLASS_MAPPED 63 /* one large allocation */

struct mallocng_meta {
	uint64_t prev, next;
	uint64_t group; /* address; 0: the meta is free */
	uint32_t avail_mask, freed_mask;
	uint64_t bits;
};

struct mallocng_area {
	uint64_t secret;
	uint64_t next; /* address; 0: there is none */
	uint32_t meta_cnt, padding;
	struct mallocng_meta metas[MALLOCNG_AREA_METAS];
};

/* A group, as its meta describes it. */
struct mallocng_group {
	unsigned int slots; /* 1 to 32 */
	bool is_freeable;   /* false: it is donated */
	unsigned int size_class;
	uint64_t mapping_bytes; /* 0: it lies in another group's slot, or is donated */
	unsigned int in_use;	/* slots */
	uint64_t slot_bytes;
};

/* The size of the slot of another group in which this one lies, if it lies in one. */
uint64_t mallocng_group__outer_slot_bytes(const struct mallocng_group *group);

/* Returns false if it is malformed. */
bool mallocng_group__decode(struct mallocng_group *out, const struct mallocng_meta *meta);
