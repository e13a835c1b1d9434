/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Binary search in a sorted array.
 */
#pragma once

#include <stddef.h>

/*
 * The number of items before the partition point of the sorted array @items of @cnt items.
 * @comes_before is a condition on the item to which @item points; it must hold for the first items
 * and for no others. The result is also the index of the first item for which it does not hold, or
 * @cnt.
 *
 *	size_t next = PARTITION_POINT(map, maps, map_cnt, map->end <= address);
 */
#define PARTITION_POINT(item, items, cnt, comes_before)                                            \
	({                                                                                         \
		typeof(&(items)[0]) items_ = (items);                                              \
		size_t low_ = 0, high_ = (cnt);                                                    \
		while (low_ < high_) {                                                             \
			size_t middle_ = low_ + (high_ - low_) / 2;                                \
			typeof(items_)(item) = &items_[middle_];                                   \
			if (comes_before)                                                          \
				low_ = middle_ + 1;                                                \
			else                                                                       \
				high_ = middle_;                                                   \
		}                                                                                  \
		low_;                                                                              \
	})
