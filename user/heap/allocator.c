// SPDX-License-Identifier: BSD-2-Clause
#include "heap/allocator.h"

#include <errno.h>
#include <stdlib.h>

#include "util/array.h"
#include "util/cleanup.h"

int target_heaps__add(struct target_heaps *heaps, struct target_heap *target_heap)
{
	int err = ARRAY_RESERVE(heaps->items, heaps->capacity, heaps->cnt + 1);

	if (err) {
		target_heap->allocator->free(target_heap);
		return err;
	}
	heaps->items[heaps->cnt++] = target_heap;
	return 0;
}

void target_heaps__free(struct target_heaps *heaps)
{
	for (size_t i = 0; i < heaps->cnt; i++)
		heaps->items[i]->allocator->free(heaps->items[i]);
	free((void *)heaps->items);
	*heaps = (struct target_heaps){};
}

int target_heaps__find(struct target_heaps *out, const struct allocator *const *allocators,
		       const struct heap_context *context, struct failure *failure)
{
	_cleanup_(target_heaps__free) struct target_heaps heaps = {};

	for (size_t i = 0; allocators[i]; i++) {
		struct failure other;
		int err = allocators[i]->locate(&heaps, context, i ? &other : failure);

		if (!err || err == -ENODATA)
			continue;
		if (i)
			*failure = other;
		return err;
	}
	if (!heaps.cnt)
		return -ENODATA;
	*out = heaps;
	heaps = (struct target_heaps){};
	return 0;
}
