/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What allocators other than glibc's malloc have their memory for, for a report, and how much of it
 * is resident: that is measured when the memory of the process is divided.
 */
#pragma once

#include "analysis/memory_use.h"
#include "other_mallocs/loaded_mallocs.h"
#include "other_mallocs/other_mallocs.h"
#include "target/target.h"
#include "util/failure.h"

/*
 * Finds the allocators. If they cannot be read, the report does without: then returns 0, and @out
 * is empty. Errors, each described in @failure: -EDQUOT, -ENOMEM. The caller releases @out, also on
 * failure.
 */
int other_mallocs__find_for_report(struct other_mallocs *out, struct target *target,
				   struct failure *failure);

/*
 * Finds allocators that are loaded but not among the ones that were @found, if @use has memory that
 * they may have. Errors and ownership as above.
 */
int loaded_mallocs__find_for_report(struct loaded_mallocs *out, struct target *target,
				    const struct other_mallocs *found, const struct memory_use *use,
				    struct failure *failure);

/* Resident memory that an allocator may have which is loaded but not recognized, in bytes. */
uint64_t loaded_mallocs__bytes_max(const struct memory_use *use);

/*
 * How much memory allocator number @number of those with which @use was found has in that @state.
 */
struct memory_share other_malloc__share(const struct memory_use *use, size_t number,
					enum other_state state);

/* The call in the program that returns the unused pages of such an allocator; NULL: none. */
extern const char *const other_malloc_release_calls[OTHER_MALLOC_KINDS];
