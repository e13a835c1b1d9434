/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocation sites as text tables. */
#pragma once

#include <stdio.h>

#include "analysis/site_ranking.h"

/*
 * Writes the sites that pin arenas, hold live memory and made the heap grow: the first ten of each.
 */
void text_sites__write(const struct site_ranking *ranking, FILE *out);
