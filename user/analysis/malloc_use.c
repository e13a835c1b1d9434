// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/malloc_use.h"

#include <errno.h>

#include "malloc/malloc_reading.h"
#include "target/shortage.h"
#include "util/account.h"
#include "util/cleanup.h"

static int read_malloc(struct malloc_use_item *item, const struct target *target,
		       struct malloc_areas *areas, size_t number)
{
	int err = malloc_image__read(&item->image, target->memory, areas, number);

	if (err)
		return err;
	item->total = malloc_image__total(&item->image);
	err = malloc_trim__estimate(&item->trim, &item->image, target);
	item->knows_trim = !err;
	return err == -ENODATA ? 0 : err;
}

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

int malloc_use__find_for_report(struct malloc_use *out, struct target *target,
				const struct heap *heap, struct failure *failure)
{
	struct malloc_areas *areas = &out->areas;
	int err = malloc_areas__find_for_report(areas, target, heap, failure);

	if (err)
		return err;
	for (size_t i = 0; i < areas->cnt && !err; i++)
		err = read_malloc(&out->items[out->cnt++], target, areas, i);
	for (size_t i = 0; i < areas->mapped.cnt; i++)
		count_mapped(out, &areas->mapped.items[i]);
	return account__is_short(err) ? shortage__describe(target, err, failure) : 0;
}

void malloc_use__release(struct malloc_use *use)
{
	for (size_t i = 0; i < use->cnt; i++)
		malloc_image__release(&use->items[i].image);
	malloc_areas__release(&use->areas);
	*use = (struct malloc_use){};
}
