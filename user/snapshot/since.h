/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares a census with an earlier database of the same process: hides blocks that are in both
 * with the same content, so that what was added since remains.
 */
#pragma once

#include "census/census.h"
#include "target/reading_options.h"
#include "target/target.h"
#include "util/failure.h"

/*
 * Hides in @census, which must be of @target, the blocks that are also in the database at @path.
 * @options limits the CPU time and memory for reading it. *hidden_cnt: number of hidden blocks.
 * Returns 0; -EINVAL if the database is of another process; or another negative errno. Errors are
 * described.
 */
int since__hide(struct census *census, const struct target *target, const char *path,
		const struct reading_options *options, uint64_t *hidden_cnt,
		struct failure *failure);
