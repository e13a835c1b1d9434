/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scans that are kept from one run to the next, in a file each, whose name contains the SHA-256 of
 * the scanned file and the version of the scanner. They are in /var/cache/pyfrag for root, and in
 * $XDG_CACHE_HOME/pyfrag or ~/.cache/pyfrag for other users.
 *
 * The name covers everything on which a scan depends, and a scan that is kept was made from a copy
 * of the very bytes that were hashed. So a user who can write one file cannot influence the scan of
 * another. Scans of files that users other than root and the one who runs pyfrag can write are not
 * kept at all, so that nobody can fill the cache.
 *
 * An entry is used only if nobody else can have written it, and if it has exactly the form in which
 * it would be written now (site_entry.h). Whatever it contains, each site is checked before it is
 * probed (site_check.h).
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "probes/sites.h"

/*
 * Larger files are scanned each time, because hashing them would take as long. (The libpython of a
 * build with debug information has 30 MiB.)
 */
#define SITE_CACHE_FILE_BYTES_MAX (64UL << 20)

/*
 * Finds the sites of the ELF file @fd: in the cache, or by a scan that is then cached. It is not an
 * error if the cache cannot be used. @code_bytes_max: files with more bytes of code are not
 * scanned; 0: the limit of elf_file__code(). *cached, if not NULL: whether they came from the
 * cache. Returns what site_set__scan() and elf_file__open() return. The caller frees *out.
 */
int site_cache__find(struct site_set *out, int fd, uint64_t code_bytes_max, bool use_cache,
		     bool *cached);

/*
 * Whether @fd is a regular file that only root and this user can write, on a file system that no
 * server provides. Fills in *status.
 */
bool site_cache__trusts(int fd, struct stat *status);
