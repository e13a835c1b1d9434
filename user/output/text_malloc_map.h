/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map of malloc's heaps, in the report for a person: as many heaps as there is room for, those
 * with the most free memory in RAM first. Lines that are alike are written once.
 */
#pragma once

#include <stdio.h>

#include "analysis/malloc_map.h"

void text_malloc_map__write(const struct malloc_map *map, FILE *out);
