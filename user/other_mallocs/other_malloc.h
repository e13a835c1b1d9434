/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allocator other than glibc's that a target uses, and the memory it has from the system, as
 * far as the allocator's own structures say so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/account.h"

enum other_malloc_kind {
	OTHER_JEMALLOC,
	OTHER_TCMALLOC,
	OTHER_MIMALLOC,
	OTHER_MALLOCNG, /* musl's */
	OTHER_MALLOC_KINDS,
};

/* "jemalloc", "tcmalloc", "mimalloc", "mallocng" */
extern const char *const other_malloc_names[OTHER_MALLOC_KINDS];

/* What the allocator uses a piece of its memory for. */
enum other_state {
	OTHER_ACTIVE,	 /* pages with allocations; they have free blocks, too */
	OTHER_UNUSED,	 /* pages without allocations that it has not returned to the system */
	OTHER_RETURNED,	 /* address space whose pages it has returned */
	OTHER_METADATA,	 /* its own tables */
	OTHER_UNDIVIDED, /* its memory, but what for is not known */
	OTHER_STATES,
};

/* "active", "unused", "returned", "metadata", "undivided" */
extern const char *const other_state_names[OTHER_STATES];

struct other_range {
	uint64_t start, end; /* addresses, end exclusive */
	enum other_state state;
	uint64_t resident_bytes; /* filled in by who measures it */
};

struct other_malloc {
	enum other_malloc_kind kind;
	char version[32]; /* "" if unknown */
	char *path;	  /* of the program or library that it is part of; charged to the account */
	struct other_range *ranges; /* sorted by address; they do not overlap */
	size_t range_cnt, range_capacity;
	/*
	 * Allocations of the program, and those that the allocator keeps for reuse by a thread,
	 * in the size that the allocator has given them. False: only the ranges are known.
	 */
	bool knows_in_use;
	uint64_t in_use_cnt, in_use_bytes;
	uint64_t skipped; /* structures that were malformed, or changed while they were read */
};

void other_malloc__release(struct other_malloc *item);

/* Appends a range. Returns 0, -EDQUOT or -ENOMEM. */
int other_malloc__add_range(struct other_malloc *item, struct account *account, uint64_t start,
			    uint64_t end, enum other_state state);

/*
 * Sorts the ranges, unites neighbours in the same state, and cuts off what overlaps: structures
 * that change while they are read may name a page twice. Returns 0, -EDQUOT or -ENOMEM.
 */
int other_malloc__sort_ranges(struct other_malloc *item, struct account *account);

/* The range that contains @address, or the first above it; NULL: there is none. */
const struct other_range *other_malloc__range_from(const struct other_malloc *item,
						   uint64_t address);

/* The address space of all ranges in @state, in bytes. */
uint64_t other_malloc__bytes(const struct other_malloc *item, enum other_state state);
