/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * That there is no memory for what a process has: beyond what it may take of ours, which the user
 * can change, or none at all.
 */
#pragma once

#include "target/target.h"
#include "util/failure.h"

/*
 * Says what account__is_short() said yes to of @err, which is returned: that --max-memory would
 * have to be larger, by the account of the process' memory, or that there is no memory.
 */
int shortage__describe(const struct target *target, int err, struct failure *failure);
