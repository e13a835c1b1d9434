// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/jemalloc_layout.h"

#define CLASSES 232 /* SC_NSIZES: up to 2^62 + 2^61 + 2^60 bytes */

const struct jemalloc_fields jemalloc_fields[JEMALLOC_FIELDS] = {
	{.state_shift = 15, .state_bits = 2, .class_shift = 17},
	{.state_shift = 16, .state_bits = 2, .class_shift = 18},
	{.state_shift = 17, .state_bits = 3, .class_shift = 20, .entry_shift = 5},
};

/*
 * 8, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, ...: four classes from each power
 * of two to the next, except for the first ones, which are multiples of 16.
 */
uint64_t jemalloc__class_bytes(unsigned int class)
{
	unsigned int group, step;

	if (class >= CLASSES)
		return 0;
	if (class < 9)
		return class ? class * 16UL : 8;
	group = (class - 9) / 4;
	step = (class - 9) % 4 + 1;
	return (128UL << group) + ((32UL << group) * step);
}
