/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Landlock restricts which files this process can read, and lets it write none, whichever user it
 * runs as. It cannot be used for a process that reads the memory of others: the kernel denies
 * ptrace access to processes outside of the caller's Landlock domain (landlock(7), "Ptrace
 * restrictions").
 *
 * There is no library for Landlock, so its system calls are made directly. It needs Linux 5.13 or
 * later, with Landlock built in and enabled.
 */
#pragma once

#include <stddef.h>

#include "util/failure.h"

/*
 * Permanently restricts this process and its descendants to reading files below @paths, an array of
 * @cnt; paths that do not exist are skipped. Returns 0; -EOPNOTSUPP if this kernel has no Landlock;
 * or another negative errno. Errors are described.
 */
int landlock__read_only(const char *const *paths, size_t cnt, struct failure *failure);
