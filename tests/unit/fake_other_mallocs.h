/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fake process that uses jemalloc, tcmalloc, mallocng or mimalloc: the static data and
 * tables that the allocator would have made, for a few runs of pages in different states.
 */
#pragma once

#include "fake_memory.h"
#include "other_mallocs/other_malloc.h"
#include "target/target.h"

#define FAKE_STATIC	    0x7f4400000000UL /* of the library */
#define FAKE_STATIC_BYTES   (3UL << 20)
#define FAKE_ROOT	    (FAKE_STATIC + 0x1b18) /* of a tree; the context of mallocng */
#define FAKE_TABLES	    0x7f4500000000UL	   /* nodes, leaves, structures */
#define FAKE_TABLES_BYTES   (4UL << 20)
#define FAKE_LEAF	    (FAKE_TABLES + 0x1000)
#define FAKE_NODE	    (FAKE_TABLES + 0x300000)
#define FAKE_ITEMS	    (FAKE_TABLES + 0x200000 + 0x8000) /* each of 128 bytes */
#define FAKE_PAGES	    0x7f4600000000UL		      /* that are allocated from */
#define FAKE_SEGMENT	    0x7f4700000000UL		      /* of mimalloc; two of these */
#define FAKE_SEGMENT_BYTES  (32UL << 20)
#define FAKE_BRK_START	    0x555555800000UL
#define FAKE_BRK_SIZE	    0x40000UL
#define FAKE_OTHER_MAPS_MAX 8

enum fake_other_kind {
	FAKE_JEMALLOC_50,
	FAKE_JEMALLOC_52,
	FAKE_JEMALLOC_53,
	FAKE_JEMALLOC_52_WIDE, /* for addresses of 57 bits */
	FAKE_JEMALLOC_53_WIDE,
	FAKE_TCMALLOC,
	FAKE_MALLOCNG,
	FAKE_MIMALLOC_20,
	FAKE_MIMALLOC_22,
	FAKE_OTHER_KINDS,
};

struct fake_other_malloc {
	struct fake_memory memory;
	struct target target;
	struct mapping maps[FAKE_OTHER_MAPS_MAX];
	/* What there is to find. */
	enum other_malloc_kind kind;
	uint64_t bytes[OTHER_STATES];
	bool knows_in_use;
	uint64_t in_use_cnt, in_use_bytes;
};

void fake_other_malloc__init(struct fake_other_malloc *fake, enum fake_other_kind kind);
void fake_other_malloc__release(struct fake_other_malloc *fake);
