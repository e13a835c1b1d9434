/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scans that this process remembers. The agent probes processes of a few Pythons again and again, a
 * scan takes most of a second of CPU time, and its reader may not write to the cache of scans.
 *
 * Only files that site_cache__trusts() are remembered, by what the file system says of them: the
 * inode, the size, and the time of the last change.
 */
#pragma once

#include <stdbool.h>

#include "probes/sites.h"

/*
 * As site_cache__find(), from any thread; what is not remembered comes from there. *remembered, if
 * wanted: it was.
 */
int site_memo__find(struct site_set *out, int fd, uint64_t code_bytes_max, bool use_cache,
		    bool *remembered);
