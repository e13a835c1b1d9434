/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has come since: blocks that an earlier database of the same process has, with the same in
 * them, are hidden.
 */
#pragma once

#include "census/census.h"
#include "target/reading_options.h"
#include "target/target.h"
#include "util/failure.h"

/*
 * Hides in @census, which is of @process, the blocks that the database at @path has; @options limit
 * what reading it takes. *hidden_cnt: how many blocks. Returns 0; -EINVAL: it is of another
 * process; or another negative errno. Errors are described.
 */
int since__hide(struct census *census, const struct target *target, const char *path,
		const struct reading_options *options, uint64_t *hidden_cnt,
		struct failure *failure);
