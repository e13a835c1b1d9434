/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation sites as tables for a reader.
 */
#pragma once

#include <stdio.h>

#include "analysis/site_ranking.h"

/*
 * Writes who pins arenas, who holds what is live, and who made the heap grow: the first ten of
 * each.
 */
void text_sites__write(const struct site_ranking *ranking, FILE *out);
