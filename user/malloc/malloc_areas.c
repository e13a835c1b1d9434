// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/malloc_areas.h"

#include <errno.h>

#include "malloc/chunk.h"
#include "malloc/main_pieces.h"
#include "util/account.h"
#include "util/cleanup.h"

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
	return malloc_heap_list__sort(&instance->heaps, account);
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

static int add_heaps(struct malloc_areas *areas, const struct malloc_heap_list *heaps,
		     struct account *account)
{
	int err = 0;

	for (size_t i = 0; i < heaps->cnt && !err; i++)
		err = add_range(areas, account, heaps->items[i].start, heaps->items[i].open_end);
	return err;
}

int malloc_areas__list_ranges(struct malloc_areas *areas, struct account *account)
{
	int err = 0;

	areas->range_cnt = 0;
	for (size_t i = 0; i < areas->cnt && !err; i++)
		err = add_heaps(areas, &areas->items[i].heaps, account);
	for (size_t i = 0; i < areas->mapped.cnt && !err; i++) {
		const struct mapped_chunk *chunk = &areas->mapped.items[i];

		err = add_range(areas, account, chunk->address, chunk->address + chunk->size);
	}
	return err ? err
		   : account__sort(account, areas->ranges, areas->range_cnt, sizeof(*areas->ranges),
				   compare_ranges);
}

/* While pieces of main arenas are looked for. */
struct piece_search {
	struct malloc_areas *areas;
	const struct memory *memory;
};

/* Bytes of the main arena that are not found yet; less, if its heap by brk(2) has gaps. */
static uint64_t missing_bytes(const struct malloc_instance *instance)
{
	uint64_t bytes = instance->arenas[0].system_bytes;

	for (size_t i = 0; i < instance->heaps.cnt; i++) {
		const struct malloc_heap *heap = &instance->heaps.items[i];
		uint64_t found = heap->is_main ? heap->end - heap->start : 0;

		bytes -= found < bytes ? found : bytes;
	}
	return bytes;
}

/* Whether a piece may be of another malloc than that. */
static bool is_only_one(const struct malloc_areas *areas, const struct malloc_instance *instance)
{
	for (size_t i = 0; i < areas->cnt; i++)
		if (&areas->items[i] != instance && !areas->items[i].arenas[0].is_contiguous)
			return false;
	return true;
}

/*
 * Reads the piece at @address as one of the malloc. Sets *is_sure if it is: no other could have it,
 * it has its top, or its free chunks are in its lists. Returns as main_piece__read().
 */
static int read_piece_of(const struct piece_search *search, const struct malloc_instance *instance,
			 uint64_t address, uint64_t limit, struct malloc_heap *piece, bool *is_sure)
{
	const struct malloc_arena *main = &instance->arenas[0];
	int err = main_piece__read(piece, search->memory, main, instance->layout, address, limit);

	if (err)
		return err;
	*is_sure = piece->top || address == instance->parameters.sbrk_base ||
		   is_only_one(search->areas, instance);
	return *is_sure ? 0
			: main_piece__is_of(is_sure, piece, search->memory, main, instance->layout);
}

/*
 * Reads the piece at @address, and finds out whose it is: if that is not sure, of the malloc of
 * which most is missing. Returns 0, -ENOENT: it is no piece; or an error.
 */
static int read_piece(const struct piece_search *search, uint64_t address, uint64_t limit,
		      struct malloc_heap *piece, struct malloc_instance **owner)
{
	struct malloc_areas *areas = search->areas;
	bool is_sure = false;
	uint64_t most = 0;

	*owner = NULL;
	for (size_t i = 0; i < areas->cnt && !is_sure; i++) {
		struct malloc_instance *instance = &areas->items[i];
		uint64_t missing = missing_bytes(instance);
		struct malloc_heap found;
		int err =
			instance->arenas[0].is_contiguous
				? -ENOENT
				: read_piece_of(search, instance, address, limit, &found, &is_sure);

		if (err && err != -ENOENT)
			return err;
		if (err || (*owner && !is_sure && missing <= most))
			continue;
		*piece = found;
		*owner = instance;
		most = missing;
	}
	return *owner ? 0 : -ENOENT;
}

static int add_piece(uint64_t address, const uint64_t *words, uint64_t limit, uint64_t *end,
		     void *context)
{
	const struct piece_search *search = context;
	struct malloc_instance *owner;
	struct malloc_heap piece;
	int err = chunk__may_be_first(words) ? read_piece(search, address, limit, &piece, &owner)
					     : -ENOENT;

	if (!err)
		err = malloc_heap_list__add(&owner->heaps, search->memory->account, &piece);
	if (!err)
		*end = piece.end;
	return err == -EUCLEAN ? -ENOENT : err;
}

/* Whether the top of the main arena was found. */
static bool has_main_top(const struct malloc_instance *instance)
{
	for (size_t i = 0; i < instance->heaps.cnt; i++)
		if (instance->heaps.items[i].is_main && instance->heaps.items[i].top)
			return true;
	return false;
}

/* Notes which heaps are in pages of hugetlbfs: if there are none, malloc takes others. */
static void note_huge_pages(struct malloc_instance *instance, const struct target *target)
{
	for (size_t i = 0; i < instance->heaps.cnt; i++) {
		struct malloc_heap *heap = &instance->heaps.items[i];
		const struct mapping *mapping = target__find_mapping(target, heap->start);

		if (mapping && mapping__is_hugetlb(mapping))
			heap->hugetlb_bytes = instance->parameters.hugetlb_bytes;
	}
}

static int find_in_mappings(struct malloc_areas *areas, const struct target *target,
			    const struct heap *other)
{
	struct account *account = target->memory->account;
	struct piece_search search = {.areas = areas, .memory = target->memory};
	int err = mapped_chunks__find(&areas->mapped, target, areas->ranges, areas->range_cnt,
				      other, add_piece, &search);

	for (size_t i = 0; i < areas->cnt && !err; i++) {
		struct malloc_instance *instance = &areas->items[i];
		const struct malloc_arena *main = &instance->arenas[0];

		instance->damaged_arenas += !main->is_contiguous &&
					    !malloc_arena__is_unused(main, instance->layout) &&
					    !has_main_top(instance);
		note_huge_pages(instance, target);
		err = malloc_heap_list__sort(&instance->heaps, account);
	}
	return err ? err : malloc_areas__list_ranges(areas, account);
}

int malloc_areas__find(struct malloc_areas *out, const struct target *target,
		       const struct heap *other)
{
	_cleanup_(found_mallocs__release) struct found_mallocs found = {};
	int err = found_mallocs__find(&found, target);

	out->is_cut = found.is_cut;
	for (size_t i = 0; i < found.cnt && !err; i++)
		err = read_instance(&out->items[out->cnt++], target, &found.items[i]);
	if (!err)
		err = malloc_areas__list_ranges(out, target->memory->account);
	return err || !out->cnt ? err : find_in_mappings(out, target, other);
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
