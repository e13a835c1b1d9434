/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What reading a process has the kernel take for it.
 *
 * When memory is read that a process has mapped and never touched, the kernel makes page tables for
 * it: 4 KiB for each 2 MiB. They belong to the process, and stay as long as it has the memory
 * mapped; but they are charged to the control group of whoever reads (GFP_PGTABLE_USER,
 * include/asm-generic/pgalloc.h). A process can map terabytes, and have pointers that lead
 * everywhere in there: so it could have pyfrag killed for memory that pyfrag never took.
 *
 * So what the page tables of the process grow by while it is read, beyond what the memory takes
 * that it has written itself, counts as memory taken for it, from the account of its memory; and no
 * process may have more than a quarter of that, nor all together more than half. Once they have
 * half, a user may still have a sixteenth, so that nobody keeps others from being read. The kernel
 * is asked for their size when a reading begins and ends, and in between whenever many regions of
 * 2 MiB were read. They count as long as the process lives and does not unmap that memory, also
 * when it is not read any more: or else many processes, each of which is looked at once, would have
 * pyfrag killed.
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

/* Zero-initialized. Several threads may read a process at a time. */
struct page_tables {
	pthread_mutex_t lock;
	process_owner owner; /* of the process: set by live__open() */
	pid_t pid;
	struct account *account;
	uint64_t last_region;
	uint64_t region_cnt; /* read since the kernel was asked; each may be a new one */
	uint64_t ask_at;     /* it is asked again when that many were read */
	uint64_t base_bytes; /* when it was asked last, in this reading */
	bool is_reading;     /* it was asked */
	/*
	 * As large as what they have grown by; never touched, so it takes no memory but the
	 * account's.
	 */
	void *placeholder;
	uint64_t placeholder_bytes;
};

/*
 * To be called before *@cnt @ranges of process @pid are read; lowers *@cnt, not to 0, if it is to
 * be called again before the others are. Returns 0; -EDQUOT: what reading it has taken so far is
 * more than @account allows; or -ENOMEM.
 */
int page_tables__note(struct page_tables *tables, pid_t pid, struct account *account,
		      const struct memory_range *ranges, size_t *cnt);

/* At the end of a reading. Returns as page_tables__note(). */
int page_tables__settle(struct page_tables *tables);

/* What they have grown by stays in the account until the process is gone; see below. */
void page_tables__release(struct page_tables *tables);

/*
 * Gives back to their accounts what was released of processes that are gone now. Is called by each
 * page_tables__release(), too.
 */
void page_tables__forget_gone(void);
