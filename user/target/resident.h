/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of a range of a process' memory is in RAM: /proc/PID/pagemap, a word a page, bit 63 set if
 * the page is present (Documentation/admin-guide/mm/pagemap.rst). As for the resident set size that the
 * kernel tells, the page of zeros does not count (unless its frame cannot be seen: CAP_SYS_ADMIN).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Writes the resident bytes of the @cnt ranges of @size bytes that begin at @addresses. Returns 0 or
 * negative errno: -EACCES without the right to look.
 */
int resident__measure(pid_t pid, const uint64_t *addresses, size_t cnt, uint64_t size,
		      uint64_t *resident_bytes);
