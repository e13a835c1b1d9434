/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scans that are kept from one run to the next: a file each, named by the SHA-256 of the scanned
 * file and the scanner's version. Under /var/cache/pyfrag for root, $XDG_CACHE_HOME/pyfrag or
 * ~/.cache/pyfrag for others.
 *
 * The name covers all that a scan can depend on, and a scan that is kept was made of the very bytes
 * that were hashed: a copy of them. So who can write a file decides nothing about another one.
 * Files that others than root and the user who runs pyfrag can write are not kept at all, so that
 * nobody can fill the cache.
 *
 * An entry is used only if nobody else could have written it, and if it is what would be written
 * now (site_entry.h). And whatever it says, each site is checked before it is probed
 * (site_check.h).
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "probes/sites.h"

/*
 * Larger files are scanned each time: to hash them would take as long. (The libpython of a build
 * with debug information has 30 MiB.)
 */
#define SITE_CACHE_FILE_BYTES_MAX (64UL << 20)

/*
 * The sites of the ELF file behind @fd: from the cache, or scanned and put there. A cache that
 * cannot be used is not an error. @code_bytes_max: code of more bytes is not scanned; 0: as
 * elf_file__code() has it. *cached, if wanted: where they came from. Returns as site_set__scan()
 * and elf_file__open(); the caller frees.
 */
int site_cache__find(struct site_set *out, int fd, uint64_t code_bytes_max, bool use_cache,
		     bool *cached);

/*
 * Whether the file behind @fd is a regular one that only root and this user can write, on a file
 * system that says what is true. Fills *status.
 */
bool site_cache__trusts(int fd, struct stat *status);
