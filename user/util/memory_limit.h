/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much memory this process may take: the least limit of the control group that it is in and of
 * those that are around it. In version 2 of control groups that is memory.max, in version 1
 * memory.limit_in_bytes (Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the
 * kernel). Whoever takes more is killed by the kernel, so what is remembered of other processes has
 * to stay well below that.
 */
#pragma once

#include <stdint.h>

/*
 * The limit in bytes; UINT64_MAX: there is none, or it is not known. @root: where /proc and the
 * control groups are, "" for this host's.
 */
uint64_t memory_limit__find(const char *root);

/*
 * What may be remembered unless the user says otherwise: half of that limit, but no more than
 * MEMORY_DEFAULT_MAX, and no less than MEMORY_DEFAULT_MIN. The other half is for what a program
 * takes anyhow: its code, symbols of files, pages that are served.
 */
#define MEMORY_DEFAULT_MAX (1UL << 30)
#define MEMORY_DEFAULT_MIN (16UL << 20)

uint64_t memory_limit__default(const char *root);
