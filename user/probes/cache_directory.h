/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory of cached scans (site_cache.h): what its entries are called, and which of them are
 * removed: those of other versions of the scanner, those not used for long, the least recently used
 * of too many, and those that a pyfrag which was killed has left half written.
 */
#pragma once

#include "util/file_digest.h"

/* Entries kept: those used last. */
#define SITE_CACHE_ENTRIES_MAX 64
/* Since an entry was last used. */
#define SITE_CACHE_AGE_MAX_S (90 * 86400L)

/* How the names of entries begin that are being written. */
#define CACHE_ASIDE "new-"

struct cache_entry_name {
	char text[sizeof(struct file_digest) + 32];
};

/* The name of the entry for the file with @digest: that, and the scanner's version. */
struct cache_entry_name cache_directory__name(const struct file_digest *digest);

/*
 * Removes outdated entries from the directory behind the descriptor. Files of other names are left
 * alone. The mtime of an entry is when it was last used. Returns 0 or negative errno.
 */
int cache_directory__prune(int directory);
