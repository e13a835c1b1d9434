/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports that there is not enough memory for the data of a process: it exceeds the limit, which
 * the user can change, or there is none left at all.
 */
#pragma once

#include "target/target.h"
#include "util/failure.h"

/*
 * Describes @err, for which account__is_short() is true, in @failure, and returns it: either the
 * limit of the account of the target's memory is too low (--max-memory), or we are out of memory.
 */
int shortage__describe(const struct target *target, int err, struct failure *failure);
