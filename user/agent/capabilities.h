/* SPDX-License-Identifier: BSD-2-Clause */
/* Capabilities, given up for good. */
#pragma once

#include <stddef.h>

#include "util/failure.h"

/*
 * Keeps those of @kept (CAP_SYS_PTRACE, ...), @cnt of them, that this process has; all others are gone, from the bounding set,
 * too, as far as that is permitted (CAP_SETPCAP). What it executes gains none. Errors are described.
 */
int capabilities__keep(const unsigned int *kept, size_t cnt, struct failure *failure);
