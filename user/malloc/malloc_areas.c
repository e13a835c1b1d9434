// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/malloc_areas.h"

#include <errno.h>

#include "util/account.h"
#include "util/cleanup.h"

static int compare_heaps(const void *a, const void *b)
{
	const struct malloc_heap *left = a, *right = b;

	return left->start < right->start ? -1 : left->start > right->start;
}

static int read_instance(struct malloc_instance *instance, const struct target *target,
			 const struct found_malloc *found)
{
	struct account *account = target->memory->account;

	*instance =
		(struct malloc_instance){.layout = found->layout, .parameters = found->parameters};
	instance->arenas = account__calloc(account, found->arena_cnt, sizeof(*instance->arenas));
	if (!instance->arenas)
		return -errno;
	for (size_t i = 0; i < found->arena_cnt; i++) {
		struct malloc_arena *arena = &instance->arenas[instance->arena_cnt++];
		int err =
			malloc_arena__read(arena, found->layout, target->memory, found->arenas[i]);

		arena->is_main = i == 0;
		if (!err)
			err = malloc_heaps__add(&instance->heaps, target, found, arena, i);
		if (err && err != -EUCLEAN && err != -EFAULT)
			return err;
		instance->damaged_arenas += !!err;
	}
	return account__sort(account, instance->heaps.items, instance->heaps.cnt,
			     sizeof(*instance->heaps.items), compare_heaps);
}

static int add_range(struct malloc_areas *areas, struct account *account, uint64_t start,
		     uint64_t end)
{
	int err = ACCOUNT_RESERVE(account, areas->ranges, areas->range_capacity,
				  areas->range_cnt + 1);

	if (!err)
		areas->ranges[areas->range_cnt++] =
			(struct malloc_range){.start = start, .end = end};
	return err;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct malloc_range *left = a, *right = b;

	return left->start < right->start ? -1 : left->start > right->start;
}

static int sort_ranges(struct malloc_areas *areas, struct account *account)
{
	return account__sort(account, areas->ranges, areas->range_cnt, sizeof(*areas->ranges),
			     compare_ranges);
}

static int add_heaps(struct malloc_areas *areas, const struct malloc_heap_list *heaps,
		     struct account *account)
{
	int err = 0;

	for (size_t i = 0; i < heaps->cnt && !err; i++)
		err = add_range(areas, account, heaps->items[i].start, heaps->items[i].open_end);
	return err;
}

static int add_mapped(struct malloc_areas *areas, const struct target *target,
		      const struct heap *other)
{
	struct account *account = target->memory->account;
	int err =
		mapped_chunks__find(&areas->mapped, target, areas->ranges, areas->range_cnt, other);

	for (size_t i = 0; i < areas->mapped.cnt && !err; i++) {
		const struct mapped_chunk *chunk = &areas->mapped.items[i];

		err = add_range(areas, account, chunk->address, chunk->address + chunk->size);
	}
	return err ? err : sort_ranges(areas, account);
}

int malloc_areas__find(struct malloc_areas *out, const struct target *target,
		       const struct heap *other)
{
	_cleanup_(found_mallocs__release) struct found_mallocs found = {};
	struct account *account = target->memory->account;
	int err = found_mallocs__find(&found, target);

	out->is_cut = found.is_cut;
	for (size_t i = 0; i < found.cnt && !err; i++) {
		err = read_instance(&out->items[out->cnt++], target, &found.items[i]);
		if (!err)
			err = add_heaps(out, &out->items[i].heaps, account);
	}
	if (!err)
		err = sort_ranges(out, account);
	return err || !out->cnt ? err : add_mapped(out, target, other);
}

void malloc_areas__release(struct malloc_areas *areas)
{
	for (size_t i = 0; i < areas->cnt; i++) {
		account__free(areas->items[i].arenas);
		malloc_heap_list__release(&areas->items[i].heaps);
	}
	account__free(areas->mapped.items);
	account__free(areas->ranges);
	*areas = (struct malloc_areas){};
}
