/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much memory this process may use: the lowest limit of its control group and all ancestors of
 * that group. In cgroup v2 the limit is memory.max, in v1 memory.limit_in_bytes
 * (Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the kernel). The kernel
 * kills a process that exceeds it, so the memory for data of other processes has to stay well
 * below.
 */
#pragma once

#include <stdint.h>

/*
 * Returns the limit in bytes; UINT64_MAX if there is none or it is unknown. @root: prefix of /proc
 * and of the control groups, "" for this host.
 */
uint64_t memory_limit__find(const char *root);

/*
 * Default limit of the memory for data of other processes: half of the limit above, at least
 * MEMORY_DEFAULT_MIN and at most MEMORY_DEFAULT_MAX. The other half is for everything else: code,
 * symbols of files, pages to serve.
 */
#define MEMORY_DEFAULT_MAX (1UL << 30)
#define MEMORY_DEFAULT_MIN (16UL << 20)

uint64_t memory_limit__default(const char *root);
