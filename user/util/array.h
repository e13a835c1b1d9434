/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growing array consists of three plain fields in its owner: items, count, capacity. This
 * function makes room in it.
 */
#pragma once

#include <stddef.h>

/*
 * Makes room for @count items of @item_size bytes in *@items, whose capacity is *@capacity. It
 * grows by at least half, so appending one item at a time takes linear time. Returns 0 or -ENOMEM;
 * nothing has changed on failure.
 */
int array__reserve(void **items, size_t *capacity, size_t count, size_t item_size);

/* The same, with the item size taken from the pointer's type. */
#define ARRAY_RESERVE(items, capacity, count)                                                      \
	array__reserve((void **)&(items), &(capacity), (count), sizeof(*(items)))
