/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports that the data of a process cannot be had: there is not enough memory for it, or it is
 * swapped out. Both depend on options, which the message names.
 */
#pragma once

#include "target/target.h"
#include "util/failure.h"

/*
 * Describes @err, for which account__is_short() is true, in @failure, and returns it: either the
 * limit of the account of the target's memory is too low (--max-memory), or we are out of memory.
 */
int shortage__describe(const struct target *target, int err, struct failure *failure);

/*
 * For an error of looking for something in the memory of @target, which @failure describes. If
 * pages that were swapped out have not been read, that is taken for the reason: describes it, and
 * returns -EAGAIN. Otherwise, and for errors that have nothing to do with what was read, returns
 * @err.
 */
int shortage__describe_swapped(const struct target *target, int err, struct failure *failure);
