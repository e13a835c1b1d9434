/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pieces of the address space have a known user, for dividing the memory of a process.
 *
 * Whoever finds out where an allocator, a stack or a library has its memory adds the ranges here:
 * the kernel merges adjacent mappings without a file and divides others, so mappings alone do not
 * tell. Ranges may come in any order and may overlap, because each of them is read at a different
 * moment, from data that the target wrote; settling decides.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/account.h"

/* Where ranges overlap, the part that comes first here has the memory. */
enum memory_part {
	MEMORY_ARENAS,
	MEMORY_MALLOC, /* glibc's */
	MEMORY_OTHER_MALLOCS,
	MEMORY_FRAME_STACKS, /* of Python's functions */
	MEMORY_STACKS,
	MEMORY_GUARDS, /* pages below a stack that nobody may access */
	MEMORY_FILES,  /* also static data of programs and libraries */
	MEMORY_SHARED, /* shared memory without a file */
	MEMORY_KERNEL, /* what the kernel provides: [vdso], rings of io_uring, ... */
	MEMORY_BREAK,  /* [heap], grown by brk(2), as far as it is not malloc's */
	MEMORY_UNEXPLAINED,
	MEMORY_PART_CNT,
};

/* "arenas", "malloc", "frame_stacks", ... */
extern const char *const memory_part_names[MEMORY_PART_CNT];

/* What a part has its memory for. */
enum memory_state {
	STATE_UNDIVIDED, /* not known, or the part has no states */
	STATE_LIVE,
	STATE_FREE_BLOCKS,
	STATE_FREE_POOLS,
	STATE_IN_USE,
	STATE_FREE,
	STATE_TCACHE,
	STATE_TOP,
	STATE_UNUSED, /* of a stack: touched by an earlier, deeper call */
	STATE_CACHED, /* of stacks: kept for the next thread */
	STATE_PRIVATE_DIRTY,
	STATE_PRIVATE_CLEAN,
	STATE_SHARED,
	STATE_OVERHEAD,
	MEMORY_STATE_CNT,
};

/* "undivided", "live", "free_blocks", ... */
extern const char *const memory_state_names[MEMORY_STATE_CNT];

/* Whether the memory of @part is divided into states, and whether it can be in @state then. */
bool memory_part__is_divided(enum memory_part part);
bool memory_part__has_state(enum memory_part part, enum memory_state state);

struct memory_share {
	uint64_t mapped_bytes, resident_bytes;
	uint64_t swap_bytes; /* not known unless the kernel says so (struct smaps) */
	uint64_t huge_bytes; /* resident in huge pages; likewise (memory_use.knows_huge) */
};

struct part_range {
	uint64_t start, end; /* addresses, end exclusive */
	enum memory_part part;
	enum memory_state state;
	uint32_t owner; /* which one of that part: its number in a list of whoever added it */
};

/* The owner of a region that looks like the stack of some thread. */
#define STACK_UNOWNED UINT32_MAX

struct memory_region {
	uint64_t start, end; /* addresses, end exclusive */
	uint64_t resident_bytes, swap_bytes, huge_bytes;
	enum memory_part part;
	enum memory_state state;
	uint32_t owner; /* as that of struct part_range */
	size_t mapping; /* index of the mapping that it begins in */
};

/* Zero-initialized, except for the account. */
struct part_ranges {
	struct part_range *items;
	size_t cnt, capacity;
	struct account *account;
};

/* Adds a range; one without any bytes is ignored. Returns 0, -EDQUOT or -ENOMEM. */
int part_ranges__add_range(struct part_ranges *ranges, const struct part_range *range);

/* The same for a range of which no state is known. */
int part_ranges__add(struct part_ranges *ranges, uint64_t start, uint64_t end,
		     enum memory_part part, uint32_t owner);

/*
 * Sorts the ranges by address and divides them where they overlap: the part that comes first wins,
 * and of two ranges of one part the one that begins later, from there on. Adjacent ranges of one
 * owner and in one state become one. Call it after all are added. Returns 0, -EDQUOT or -ENOMEM.
 */
int part_ranges__settle(struct part_ranges *ranges);

/* Of the settled ranges the first that ends above @address; NULL: there is none. */
const struct part_range *part_ranges__from(const struct part_ranges *ranges, uint64_t address);

void part_ranges__release(struct part_ranges *ranges);
