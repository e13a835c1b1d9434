/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fake process with glibc's malloc, made as glibc makes it: the main arena and the parameters in
 * libc's data, its heap by brk(2), an arena of a thread with two heaps, and mapped chunks. All
 * heaps are full of chunks in use and free ones; there are a fastbin and a tcache.
 */
#pragma once

#include "fake_memory.h"
#include "malloc/main_arena.h"
#include "target/target.h"

#define FAKE_LIBC	    0x7f3300000000UL /* its data */
#define FAKE_LIBC_BYTES	    0x4000UL
#define FAKE_MAIN_ARENA	    (FAKE_LIBC + 0x1c60)
#define FAKE_PARAMETERS	    (FAKE_LIBC + 0x1280)
#define FAKE_BRK	    0x555555800000UL
#define FAKE_BRK_BYTES	    0x40000UL
#define FAKE_HEAP	    0x7f3400000000UL /* of the thread; the second is 64 MiB behind */
#define FAKE_HEAP_BYTES	    0x20000UL
#define FAKE_TRIM_THRESHOLD (128UL << 10)
#define FAKE_TOP_PAD	    0x1000UL
#define FAKE_MAPPED	    0x7f3500000000UL
#define FAKE_MAPPED_BYTES   0x8000UL
#define FAKE_MAPS_MAX	    8

struct fake_malloc {
	struct fake_memory memory;
	struct target target;
	struct mapping maps[FAKE_MAPS_MAX];
	const struct arena_layout *layout;
	uint64_t thread_arena;
	uint64_t chunk_cnt,
		in_use_cnt; /* of all heaps; in use: neither in a fastbin nor a tcache */
	uint64_t fastbin_cnt, tcache_cnt, free_cnt;
};

/* Makes one as glibc with that layout would have it; links of lists are mangled if asked for. */
void fake_malloc__init(struct fake_malloc *fake, const struct arena_layout *layout, bool mangled);
void fake_malloc__release(struct fake_malloc *fake);
