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
 * So what the page tables of the process have grown by since the kernel was first asked for their
 * size, beyond what the memory takes that it has written itself, counts as memory taken for it,
 * from the account of its memory; and no process may have more than an eighth of that. The kernel
 * is asked for their size only when many regions of 2 MiB were read.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/account.h"

struct memory_range;

/* Zero-initialized. Several threads may read a process at a time. */
struct page_tables {
	pthread_mutex_t lock;
	uint64_t last_region;
	uint64_t region_cnt;   /* read since the kernel was asked; each may be a new one */
	uint64_t before_bytes; /* when it was asked first, if it was */
	bool is_known;
	/*
	 * As large as what they have grown by; never touched, so it takes no memory but the
	 * account's.
	 */
	void *placeholder;
	uint64_t placeholder_bytes;
};

/*
 * To be called before the @cnt @ranges of process @pid are read. Returns 0; -EDQUOT: what reading
 * it has taken so far is more than @account allows; or -ENOMEM.
 */
int page_tables__note(struct page_tables *tables, pid_t pid, struct account *account,
		      const struct memory_range *ranges, size_t cnt);
void page_tables__release(struct page_tables *tables);
