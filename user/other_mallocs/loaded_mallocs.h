/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocators that a target has loaded, by the functions that only they export. This says neither
 * that they have memory nor which: it names whose the memory may be that nothing else explains, if
 * an allocator is of a version or build whose structures cannot be read.
 */
#pragma once

#include <stddef.h>

#include "other_mallocs/other_mallocs.h"
#include "target/target.h"

struct loaded_malloc {
	enum other_malloc_kind kind;
	char *path; /* of the program or library; charged to the account */
};

#define LOADED_MALLOCS_MAX 8

/* Zero-initialized. */
struct loaded_mallocs {
	struct loaded_malloc items[LOADED_MALLOCS_MAX];
	size_t cnt;
};

/*
 * Finds those of @target, whose maps are read, that are not among the ones that were @found. At
 * most 128 MiB of the symbols of all files are searched. Returns 0, -EDQUOT, -ENOMEM or -ETIME. The
 * caller releases @out, also on failure.
 */
int loaded_mallocs__find(struct loaded_mallocs *out, const struct target *target,
			 const struct other_mallocs *found);
void loaded_mallocs__release(struct loaded_mallocs *mallocs);
