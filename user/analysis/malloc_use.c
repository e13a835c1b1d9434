// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/malloc_use.h"

static void count_mapped(struct malloc_use *use, const struct mapped_chunk *chunk)
{
	struct chunk_total *total = chunk->is_cached ? &use->mapped_cached : &use->mapped;

	total->cnt++;
	total->bytes += chunk->size;
}

struct malloc_use malloc_use__of(const struct mallocs *mallocs)
{
	struct malloc_use use = {};

	if (!mallocs)
		return use;
	for (size_t i = 0; i < mallocs->cnt; i++)
		use.items[use.cnt++] = (struct malloc_use_item){
			.image = &mallocs->items[i].image,
			.total = malloc_image__total(&mallocs->items[i].image),
			.trim = &mallocs->items[i].trim,
			.pins = &mallocs->items[i].pins,
			.sizes = &mallocs->items[i].sizes,
		};
	for (size_t i = 0; i < mallocs->areas.mapped.cnt; i++)
		count_mapped(&use, &mallocs->areas.mapped.items[i]);
	return use;
}

uint64_t malloc_use__bytes_in_use(const struct malloc_use *use)
{
	uint64_t bytes = use->mapped.bytes;

	for (size_t i = 0; i < use->cnt; i++)
		bytes += use->items[i].total.in_use.bytes;
	return bytes;
}
