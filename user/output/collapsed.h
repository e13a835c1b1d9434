/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collapsed stacks, the input of flamegraph.pl and of most flame graph viewers:
 *
 *	main (app.py:10);handle (app.py:42);dumps (json/__init__.py:183) 4096
 *
 * A line a stack, outermost frame first, ';' between frames, a blank, one value.
 * Source: https://github.com/brendangregg/FlameGraph, the head of flamegraph.pl.
 */
#pragma once

#include <stdio.h>

#include "analysis/profile.h"

/*
 * Writes one value of each stack that has it. A frame is `function (file:line)`, `function (file)`
 * if its line is not known, `function (?)` if its file is not; a mark of the profile is its name
 * alone. A ';' in a name becomes ':', so different stacks may come as the same text, and readers
 * add those up, as they do anyway. Lines are sorted by their bytes: equal profiles, however they
 * came about, are equal files.
 *
 * Takes its memory from the account of the profile. Returns 0, -EDQUOT, -ENOMEM, or negative errno
 * if @out did not take all of it.
 */
int collapsed__write(const struct profile *profile, enum profile_value value, FILE *out);
