/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Landlock: files that this process may read, and none that it may write, whoever it runs as. It is
 * for processes that read no other's memory: the kernel refuses that to all that are in a domain
 * (landlock(7), "Ptrace restrictions").
 *
 * System calls are made without a library, for there is none. From Linux 5.13 on, where it is built
 * in and enabled.
 */
#pragma once

#include <stddef.h>

#include "util/failure.h"

/*
 * Restricts this process and all that it starts to reading what is below @paths, @cnt of them; what
 * is not there is passed over. Returns 0; -EOPNOTSUPP: this kernel has no Landlock; or another
 * negative errno. Errors are described.
 */
int landlock__read_only(const char *const *paths, size_t cnt, struct failure *failure);
