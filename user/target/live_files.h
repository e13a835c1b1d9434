/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files that a running process has mapped, found as the process sees them: also those that were
 * deleted or replaced, or lie in another mount namespace.
 */
#pragma once

#include "target/mapped_file.h"
#include "target/target.h"

/* As mapped_file__find(), of a running process. */
int live_files__find(const struct target *target, const struct mapping *mapping,
		     struct mapped_file *out);
