/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the files that a running process has mapped, as the process sees them, including files that
 * were deleted or replaced, or are in another mount namespace.
 */
#pragma once

#include "target/mapped_file.h"
#include "target/target.h"

/* As mapped_file__find(), for a running process. */
int live_files__find(const struct target *target, const struct mapping *mapping,
		     struct mapped_file *out);
