/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a process is, or belongs, in an array that is sorted by pid. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* The first of @cnt items whose pid, by @pid_of, is not below @pid; @cnt if there is none. */
static inline size_t pid_order__find(const void *items, size_t cnt,
				     pid_t (*pid_of)(const void *items, size_t i), pid_t pid)
{
	size_t first = 0, end = cnt;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (pid_of(items, middle) < pid)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}
