/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lies in the directory of cached scans, and what of it goes: entries of former versions of
 * the scanner, those that nobody has used for long, those beyond a number, and what a pyfrag that
 * was killed has left half written.
 */
#pragma once

/* How the names of entries end, and how those of entries being written begin. */
#define CACHE_SUFFIX ".sites"
#define CACHE_ASIDE  "new-"

/*
 * Removes them from the directory behind the descriptor. Files of other names are left alone. When
 * an entry was last used is its mtime. Returns 0 or negative errno.
 */
int cache_directory__prune(int directory);
