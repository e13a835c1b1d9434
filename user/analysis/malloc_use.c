// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/malloc_use.h"

#include "target/shortage.h"
#include "util/account.h"

int malloc_areas__find_for_report(struct malloc_areas *out, struct target *target,
				  const struct heap *heap, struct failure *failure)
{
	int err = target__reload_maps(target, failure);

	if (err)
		return err;
	err = malloc_areas__find(out, target, heap);
	target__forget_maps(target);
	if (account__is_short(err))
		return shortage__describe(target, err, failure);
	if (err)
		malloc_areas__release(out);
	return 0;
}

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
		};
	for (size_t i = 0; i < mallocs->areas.mapped.cnt; i++)
		count_mapped(&use, &mallocs->areas.mapped.items[i]);
	return use;
}
