/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growing array is three plain fields of its owner: items, count, capacity. This makes room.
 */
#pragma once

#include <stddef.h>

/*
 * Makes room for @count items of @item_size bytes in *@items, whose capacity is *@capacity; grows
 * by half at least, so that appending one by one is linear. Returns 0 or -ENOMEM; on failure
 * nothing has changed.
 */
int array__reserve(void **items, size_t *capacity, size_t count, size_t item_size);

/* As above, with the item size taken from the pointer's type. */
#define ARRAY_RESERVE(items, capacity, count)                                                      \
	array__reserve((void **)&(items), &(capacity), (count), sizeof(*(items)))
