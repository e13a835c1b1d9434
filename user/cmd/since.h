/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has come since: blocks that an earlier database of the same process has, with the same in
 * them, are hidden.
 */
#pragma once

#include "census/census.h"
#include "cmd/options.h"
#include "util/failure.h"

/*
 * Hides in @census, which is of @target, what the database options->since has. *hidden_cnt: how
 * many blocks. Returns 0; -EINVAL: it is of another process; or another negative errno; @failure
 * says what.
 */
int since__hide(struct census *census, const struct target *target, const struct options *options,
		uint64_t *hidden_cnt, struct failure *failure);
