/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scans that this process keeps in memory. The agent probes processes of a few Pythons again and
 * again, a scan takes most of a second of CPU time, and the agent's reader may not write to the
 * cache of scans.
 *
 * Only files that site_cache__trusts() are remembered. A file is recognized by its device, inode
 * number, size and time of last change.
 */
#pragma once

#include <stdbool.h>

#include "probes/sites.h"

/*
 * Like site_cache__find(), which it calls for scans that are not remembered. May be called from any
 * thread. *remembered, if not NULL: whether the scan was remembered.
 */
int site_memo__find(struct site_set *out, int fd, uint64_t code_bytes_max, bool use_cache,
		    bool *remembered);
