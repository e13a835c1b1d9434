/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of files, by file. A program or library is mapped in several pieces, and its static
 * data goes on behind the file; all of that is one item here. What the process has written
 * (relocations, static variables) is its own: it takes up memory as long as the file is mapped. The
 * rest is the kernel's copy of the file, which other processes use, too, and which the kernel can
 * drop.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analysis/memory_parts.h"
#include "target/mapping.h"
#include "target/smaps.h"

struct memory_file {
	const struct mapping *mapping; /* the first one of the file */
	struct memory_share share;
	uint64_t private_dirty_bytes, private_clean_bytes, shared_bytes; /* resident */
};

/* Zero-initialized. */
struct memory_files {
	struct memory_file *items; /* most resident bytes first. Owned */
	size_t cnt;
};

/*
 * Lists the files that the @cnt @regions of a process are of, charged to @account. Its @smaps must
 * outlive @out. Returns 0, -EDQUOT or -ENOMEM. The caller releases @out.
 */
int memory_files__list(struct memory_files *out, const struct memory_region *regions, size_t cnt,
		       const struct smaps *smaps, struct account *account);
void memory_files__release(struct memory_files *files);
