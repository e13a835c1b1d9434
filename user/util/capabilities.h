/* SPDX-License-Identifier: BSD-2-Clause */
/* Capabilities of this process: testing for them and dropping them permanently. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/failure.h"

/*
 * Whether this thread has @capability (CAP_SYS_PTRACE, ...) in its effective set, in its own user
 * namespace.
 */
bool capabilities__has(unsigned int capability);

/* Drops all capabilities except @kept from the bounding set, if this is permitted (CAP_SETPCAP). */
void capabilities__bound(const unsigned int *kept, size_t cnt);

/*
 * Keeps those of @kept (an array of @cnt: CAP_SYS_PTRACE, ...) that this process has, and drops all
 * others, from the bounding set as well (capabilities__bound()). Programs that it executes gain
 * none. Errors are described.
 */
int capabilities__keep(const unsigned int *kept, size_t cnt, struct failure *failure);

/*
 * Makes effective those of @used that this process has in its permitted set, and no others. Errors
 * are described.
 */
int capabilities__use(const unsigned int *used, size_t cnt, struct failure *failure);
