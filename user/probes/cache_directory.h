/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory of cached scans (site_cache.h): the names of its entries, and which of them are
 * removed. These are entries of other versions of the scanner, entries that have not been used for
 * a long time, the least recently used ones when there are too many, and incomplete ones that a
 * killed pyfrag has left behind.
 */
#pragma once

#include "util/file_digest.h"

/* The number of entries that are kept, the most recently used ones. */
#define SITE_CACHE_ENTRIES_MAX 64
/* The maximum age of an entry since its last use. */
#define SITE_CACHE_AGE_MAX_S (90 * 86400L)

/* The prefix of entries that are being written. */
#define CACHE_ASIDE "new-"

struct cache_entry_name {
	char text[sizeof(struct file_digest) + 32];
};

/* The name of the entry for the file with @digest: the digest and the version of the scanner. */
struct cache_entry_name cache_directory__name(const struct file_digest *digest);

/*
 * Removes outdated entries from @directory, a file descriptor. Files with other names are left
 * alone. The mtime of an entry is the time of its last use. Returns 0 or negative errno.
 */
int cache_directory__prune(int directory);
