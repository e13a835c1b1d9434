/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accounts for the kernel memory that reading a process takes.
 *
 * When memory is read that a process has mapped and never touched, the kernel allocates page tables
 * for it: 4 KiB for each 2 MiB. They belong to the process, and stay as long as it has the memory
 * mapped; but they are charged to the control group of the reader (GFP_PGTABLE_USER,
 * include/asm-generic/pgalloc.h). A process can map terabytes, and have pointers that lead
 * everywhere in there: so it could have pyfrag killed for memory that pyfrag never allocated.
 *
 * So the growth of the page tables of a process while it is read, beyond those for memory that it
 * has written itself, is taken from the account of its memory. One process may have at most a
 * quarter of that, and all together at most half. Once they have half, a user may still have a
 * sixteenth, so that nobody can keep others from being read. The kernel is asked for their size
 * when a reading begins and ends, and in between whenever many regions of 2 MiB were read. The
 * growth counts as long as the process lives and does not unmap that memory, even when it is no
 * longer read: otherwise many processes, each of which is read once, could have pyfrag killed.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/process_owner.h"
#include "util/account.h"

struct memory_range;

/* Zero-initialized. Several threads may read a process at the same time. */
struct page_tables {
	pthread_mutex_t lock;
	process_owner owner; /* of the process: set by live__open() */
	pid_t pid;
	struct account *account;
	uint64_t last_region;
	uint64_t region_cnt; /* read since the kernel was last asked; each may be a new one */
	uint64_t ask_at;     /* ask again when this many were read */
	uint64_t base_bytes; /* their size when last asked, in this reading */
	bool is_reading;     /* the kernel was asked for base_bytes */
	/* As large as the growth; never touched, so that it only takes room in the account. */
	void *placeholder;
	uint64_t placeholder_bytes;
};

/*
 * Call this before *@cnt @ranges of process @pid are read. It lowers *@cnt, not to 0, if it has to
 * be called again before the others are read. Returns 0; -EDQUOT: the page tables caused so far
 * exceed what @account allows; or -ENOMEM.
 */
int page_tables__note(struct page_tables *tables, pid_t pid, struct account *account,
		      const struct memory_range *ranges, size_t *cnt);

/* Call this at the end of a reading. Returns as page_tables__note(). */
int page_tables__settle(struct page_tables *tables);

/* The growth stays in the account until the process is gone: see page_tables__forget_gone(). */
void page_tables__release(struct page_tables *tables);

/*
 * Returns what was released for processes that are gone now to their accounts.
 * page_tables__release() does this, too, if it leaves anything in the account.
 */
void page_tables__forget_gone(void);
