/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map of malloc's heaps, in the JSON report.
 */
#pragma once

#include "analysis/malloc_map.h"
#include "output/json_stream.h"

/* Writes the map as a member of the object that was begun. */
void json_malloc_map__write(struct json_stream *stream, const struct malloc_map *map);
