/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Enters chunks into the maps of blocks (heap/block_map.h): their blocks into the map of all, and
 * those in use into that of live ones. Both maps have malloc_layout.
 */
#pragma once

#include "heap/block_map.h"
#include "malloc/chunk_batch.h"

/* Returns 0, -ENOMEM or -EDQUOT. */
int chunk_marks__set(struct block_map *all, struct block_map *live,
		     const struct chunk_batch *batch);
