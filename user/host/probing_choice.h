/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is probed: of all Pythons those few that there is most to learn of. An alert that is firing,
 * or will be, comes first; then what is held back, and what grows. Who is chosen stays so for a
 * minute at least, as long as nobody has an alert that wants its place, and against others that
 * need it hardly more.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/watched.h"

/* So many at a time. */
#define PROBED_MAX 4

/*
 * Sets wants_growth of each of @cnt, at @now_ns (CLOCK_MONOTONIC); it is followed at its next
 * reading.
 */
void probing_choice__make(struct watched *const *watched, size_t cnt, uint64_t now_ns);
