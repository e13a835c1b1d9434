/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of each mapping of a process is in RAM or swapped out, and whether the process has
 * written it: /proc/PID/smaps (proc_pid_smaps(5)).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "target/mapping.h"

/* Of one mapping, in bytes. */
struct smaps_usage {
	/* Rss: the sum of the next four. Shared means that other processes have mapped it, too. */
	uint64_t resident_bytes;
	uint64_t private_dirty_bytes, private_clean_bytes, shared_dirty_bytes, shared_clean_bytes;
	uint64_t huge_bytes;	/* in huge pages, without those of hugetlbfs */
	uint64_t hugetlb_bytes; /* in pages of hugetlbfs, which are not part of Rss */
	uint64_t swap_bytes;
};

struct smaps {
	struct mappings mappings;
	struct smaps_usage *usages; /* of each */
	size_t capacity;
	bool has_swap; /* the kernel says how much is swapped out */
};

/*
 * Reads the text of smaps, at most as many mappings as mappings__read(). Returns 0, -ENOMEM,
 * -ETIME, or -EIO if it is malformed. The caller releases *out.
 */
int smaps__parse(struct smaps *out, FILE *file);
void smaps__release(struct smaps *smaps);
