/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collapsed stacks, the input of flamegraph.pl and of most flame graph viewers:
 *
 * 	main (app.py:10);handle (app.py:42);dumps (json/__init__.py:183) 4096
 *
 * One stack per line, outermost frame first, with ';' between frames, then a space and one value.
 * Source: https://github.com/brendangregg/FlameGraph, the comment at the top of flamegraph.pl.
 */
#pragma once

#include <stdio.h>

#include "analysis/profile.h"

/*
 * Writes one value of each stack for which it is not 0. A frame is `function (file:line)`,
 * `function (file)` if its line is not known, or `function (?)` if its file is not; a mark of the
 * profile is only its name. A ';' in a name becomes ':', so different stacks can have the same
 * text; readers add up such lines in any case. Lines are sorted by their bytes: equal profiles give
 * equal files, in whatever order they were built.
 *
 * Allocates from the account of the profile. Returns 0, -EDQUOT, -ENOMEM, or negative errno if
 * writing to @out failed.
 */
int collapsed__write(const struct profile *profile, enum profile_value value, FILE *out);
