/* SPDX-License-Identifier: BSD-2-Clause */
/* Capabilities: which this process has, and giving them up for good. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/failure.h"

/* Whether this thread has it (CAP_SYS_PTRACE, ...) now, in its own user namespace. */
bool capabilities__has(unsigned int capability);

/* Takes all but those from the bounding set, as far as that is permitted (CAP_SETPCAP). */
void capabilities__bound(const unsigned int *kept, size_t cnt);

/*
 * Keeps those of @kept (CAP_SYS_PTRACE, ...), @cnt of them, that this process has; all others are
 * gone, also as capabilities__bound(). What it executes gains none. Errors are described.
 */
int capabilities__keep(const unsigned int *kept, size_t cnt, struct failure *failure);

/* Makes those of @used that this process has permitted, and no others, effective. As above. */
int capabilities__use(const unsigned int *used, size_t cnt, struct failure *failure);
