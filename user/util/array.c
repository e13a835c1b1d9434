// SPDX-License-Identifier: BSD-2-Clause
#include "util/array.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

int array__reserve(void **items, size_t *capacity, size_t count, size_t item_size)
{
	size_t grown;
	void *moved;

	if (count <= *capacity)
		return 0;
	grown = *capacity + *capacity / 2;
	if (grown < count)
		grown = count;
	if (grown < 16)
		grown = 16;
	if (grown > SIZE_MAX / item_size)
		return -ENOMEM;
	moved = realloc(*items, grown * item_size);
	if (!moved)
		return -ENOMEM;
	*items = moved;
	*capacity = grown;
	return 0;
}
