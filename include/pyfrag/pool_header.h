/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header of a pool as it lies in the target's memory (64-bit). Source: struct pool_header in
 * CPython's Objects/obmalloc.c (2.7 to 3.11) and Include/internal/pycore_obmalloc.h (from 3.12 on).
 * The layout is the same from 2.7 to 3.15. BPF programs read single members, user space copies the
 * whole header.
 */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

struct pool_header {
	__u32 count; /* live blocks; 0: the pool is free */
	__u32 padding;
	__u64 freeblock; /* head of the chain of free blocks, linked through their first word */
	__u64 nextpool;
	__u64 prevpool;
	__u32 arenaindex;
	__u32 szidx;	     /* size class index */
	__u32 nextoffset;    /* offset of the first virgin block */
	__u32 maxnextoffset; /* the last offset at which a block fits */
};

_Static_assert(sizeof(struct pool_header) == 48, "pool_header is 48 bytes");

#define POOL_HEADER_BYTES sizeof(struct pool_header)
#define SMALL_REQUEST_MAX 512 /* SMALL_REQUEST_THRESHOLD: the size of the largest block, bytes */
