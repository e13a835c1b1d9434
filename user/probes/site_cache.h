/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scans remembered from one run to the next: a file each, named by build id, a hash of the code (some
 * tools that rewrite code leave the build id as it was), and the scanner's version. Under
 * /var/cache/pyfrag for root, $XDG_CACHE_HOME/pyfrag or ~/.cache/pyfrag for others.
 *
 * What is in the cache decides where probes go, so it is believed only if nobody else could have
 * written it, and each entry only if it fits the file.
 */
#pragma once

#include <stdbool.h>

#include "probes/sites.h"
#include "target/elf.h"

/*
 * The sites of @elf: from the cache, or scanned and put there. A cache that cannot be used is not an
 * error. *cached, if wanted: where they came from. Returns as site_set__scan().
 */
int site_cache__find(struct site_set *out, struct elf_file *elf, bool use_cache, bool *cached);
