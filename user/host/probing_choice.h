/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes are probed: the most informative ones. A process with an alert that fires, or
 * will soon, comes first; then those with the most hostage bytes and growth. A chosen process is
 * kept for at least a minute unless one with an alert needs its place, and after that until another
 * needs probing more than twice as much.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/watched.h"

/* How many are probed at a time. */
#define PROBED_MAX 4

/*
 * Sets wants_growth of @cnt processes at @now_ns (CLOCK_MONOTONIC). The next reading of a process
 * acts on it.
 */
void probing_choice__make(struct watched *const *watched, size_t cnt, uint64_t now_ns);
