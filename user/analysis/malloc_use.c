// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/malloc_use.h"

#include <errno.h>

#include "malloc/malloc_reading.h"
#include "target/shortage.h"
#include "util/account.h"
#include "util/cleanup.h"

static int read_malloc(struct malloc_use_item *item, const struct target *target,
		       const struct found_malloc *found, const struct heap *heap)
{
	int err = malloc_image__read(&item->image, target, found, heap);

	if (err)
		return err;
	item->total = malloc_image__total(&item->image);
	for (size_t i = 0; i < item->image.mapped.cnt; i++)
		item->mapped_bytes += item->image.mapped.items[i].size;
	err = malloc_trim__estimate(&item->trim, &item->image, target);
	item->knows_trim = !err;
	return err == -ENODATA ? 0 : err;
}

static int find(struct malloc_use *out, const struct target *target, const struct heap *heap)
{
	_cleanup_(found_mallocs__release) struct found_mallocs found = {};
	int err = found_mallocs__find(&found, target);

	out->is_cut = found.is_cut;
	for (size_t i = 0; i < found.cnt && !err; i++)
		err = read_malloc(&out->items[out->cnt++], target, &found.items[i], heap);
	return err;
}

int malloc_use__find_for_report(struct malloc_use *out, struct target *target,
				const struct heap *heap, struct failure *failure)
{
	int err = target__reload_maps(target, failure);

	if (err)
		return err;
	err = find(out, target, heap);
	target__forget_maps(target);
	return account__is_short(err) ? shortage__describe(target, err, failure) : 0;
}

void malloc_use__release(struct malloc_use *use)
{
	for (size_t i = 0; i < use->cnt; i++)
		malloc_image__release(&use->items[i].image);
	*use = (struct malloc_use){};
}
