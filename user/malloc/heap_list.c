// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/heap_list.h"

#include <errno.h>
#include <string.h>

#include "malloc/chunk.h"
#include "util/account.h"

/* struct heap_info. */
struct heap_info {
	uint64_t arena, previous; /* addresses */
	uint64_t size, open_size; /* bytes; the latter was made readable once */
	uint64_t page_bytes;	  /* from glibc 2.35 on; before, the structure ends here */
};

#define HEAP_INFO_PAGE_BYTES_END 48 /* sizeof, with page_bytes */

static uint64_t round_up(uint64_t value)
{
	return (value + CHUNK_ALIGNMENT - 1) & ~(CHUNK_ALIGNMENT - 1);
}

/* The first chunk of the heap at @start. The arena itself is in its first heap. */
static uint64_t first_chunk(const struct malloc_arena *arena, const struct found_malloc *found,
			    uint64_t start)
{
	uint64_t info_bytes = arena->address % found->heap_bytes_max;

	if (start != arena->address - info_bytes)
		return start + info_bytes;
	return round_up(malloc_arena__bins(arena, found->layout) + ARENA_END_AFTER_BINS);
}

int malloc_heap_list__add(struct malloc_heap_list *list, struct account *account,
			  const struct malloc_heap *heap)
{
	int err = ACCOUNT_RESERVE(account, list->items, list->capacity, list->cnt + 1);

	if (err)
		return err;
	list->starts.entry_bytes = sizeof(uint64_t);
	list->starts.account = account;
	if (hash_map__find(&list->starts, heap->start))
		return -EUCLEAN;
	if (!hash_map__add(&list->starts, heap->start))
		return errno == EINVAL ? -EUCLEAN : -errno;
	list->items[list->cnt++] = *heap;
	return 0;
}

static int compare_heaps(const void *a, const void *b)
{
	const struct malloc_heap *left = a, *right = b;

	return left->start < right->start ? -1 : left->start > right->start;
}

int malloc_heap_list__sort(struct malloc_heap_list *list, struct account *account)
{
	return account__sort(account, list->items, list->cnt, sizeof(*list->items), compare_heaps);
}

void malloc_heap_list__release(struct malloc_heap_list *list)
{
	account__free(list->items);
	hash_map__release(&list->starts);
	*list = (struct malloc_heap_list){};
}

static bool is_sane(const struct heap_info *info, const struct malloc_arena *arena,
		    uint64_t bytes_max)
{
	return info->arena == arena->address && info->size && info->size <= info->open_size &&
	       info->open_size <= bytes_max && info->size % MALLOC_PAGE_BYTES == 0 &&
	       info->previous % bytes_max == 0;
}

/* The pages by which the heap grows: other ones than usual with glibc.malloc.hugetlb. */
static uint64_t page_bytes_of(const struct heap_info *info, const struct malloc_arena *arena,
			      uint64_t bytes_max)
{
	uint64_t bytes = info->page_bytes;

	if (arena->address % bytes_max < HEAP_INFO_PAGE_BYTES_END || bytes < MALLOC_PAGE_BYTES ||
	    bytes > bytes_max || bytes & (bytes - 1))
		return MALLOC_PAGE_BYTES;
	return bytes;
}

static int add_thread_heaps(struct malloc_heap_list *list, const struct target *target,
			    const struct found_malloc *found, const struct malloc_arena *arena,
			    size_t number)
{
	uint64_t max = found->heap_bytes_max, start = arena->top & ~(max - 1),
		 first = arena->address & ~(max - 1), top = arena->top;

	for (;;) {
		struct malloc_heap heap = {.start = start,
					   .arena = number,
					   .top = top,
					   .bytes_max = max};
		struct heap_info info;
		int err = memory__read(target->memory, start, &info, sizeof(info));

		if (err)
			return err == -EFAULT ? -EUCLEAN : err;
		if (!is_sane(&info, arena, max))
			return -EUCLEAN;
		heap.end = start + info.size;
		heap.open_end = start + info.open_size;
		heap.top_end = heap.end;
		heap.top_word = arena->address + found->layout->top;
		heap.first_chunk = first_chunk(arena, found, start);
		heap.previous = start == first ? 0 : info.previous;
		heap.page_bytes = page_bytes_of(&info, arena, max);
		if (heap.first_chunk >= heap.end || heap.top >= heap.end)
			return -EUCLEAN;
		err = malloc_heap_list__add(list, target->memory->account, &heap);
		if (err || start == first)
			return err;
		start = info.previous;
		top = 0;
	}
}

/* Where the break is, as far as mappings show it: the end of the last one that brk(2) has made. */
static uint64_t break_of(const struct target *target)
{
	uint64_t end = 0;

	for (size_t i = 0; i < target->map_cnt; i++)
		if (!strcmp(target->maps[i].path, "[heap]"))
			end = target->maps[i].end;
	return end;
}

/* Sets where the top of the main arena and with it the heap end: @limit, or where somebody else
 * has moved the break. Returns 0, -EUCLEAN, or as memory__read(). */
static int find_top_end(struct malloc_heap *heap, const struct memory *memory, uint64_t limit)
{
	uint64_t top_size = 0;
	int err = memory__read(memory, heap->top + 8, &top_size, sizeof(top_size));

	if (err == -EFAULT && memory__leaves(memory, heap->top + 8)) {
		top_size = limit - heap->top;
		err = 0;
	}
	if (err)
		return err == -EFAULT ? -EUCLEAN : err;
	top_size = chunk_word__size(top_size);
	if (top_size > limit - heap->top)
		return -EUCLEAN;
	heap->end = heap->top + top_size;
	return 0;
}

int malloc_heap__set_main(struct malloc_heap *out, const struct memory *memory,
			  const struct malloc_arena *arena, const struct arena_layout *layout,
			  uint64_t start, uint64_t end)
{
	struct malloc_heap heap = {.start = start,
				   .end = end,
				   .first_chunk = round_up(start),
				   .top_word = arena->address + layout->top,
				   .is_main = true};
	int err = 0;

	if (arena->top >= heap.first_chunk && arena->top < end) {
		heap.top = arena->top;
		err = find_top_end(&heap, memory, end);
	}
	heap.open_end = heap.end;
	heap.top_end = heap.end;
	if (!err)
		*out = heap;
	return err;
}

static int add_main_heap(struct malloc_heap_list *list, const struct target *target,
			 const struct found_malloc *found, const struct malloc_arena *arena,
			 size_t number)
{
	uint64_t end = break_of(target), start = found->parameters.sbrk_base;
	struct malloc_heap heap = {};
	int err;

	if (!found->parameters.is_known)
		return -EUCLEAN;
	if (!arena->is_contiguous && start >= end)
		return 0;
	err = malloc_heap__set_main(&heap, target->memory, arena, found->layout, start, end);
	if (err)
		return err;
	if (!heap.top && arena->is_contiguous)
		return -EUCLEAN;
	heap.arena = number;
	heap.is_below_break = heap.top && heap.end == end;
	return malloc_heap_list__add(list, target->memory->account, &heap);
}

int malloc_heaps__add(struct malloc_heap_list *list, const struct target *target,
		      const struct found_malloc *found, const struct malloc_arena *arena,
		      size_t number)
{
	if (malloc_arena__is_unused(arena, found->layout))
		return 0;
	return arena->is_main ? add_main_heap(list, target, found, arena, number)
			      : add_thread_heaps(list, target, found, arena, number);
}

int malloc_heap__reread_end(struct malloc_heap *heap, const struct memory *memory)
{
	struct heap_info info;
	int err;

	if (heap->is_main)
		return 0;
	err = memory__read(memory, heap->start, &info, sizeof(info));
	if (err)
		return err == -EFAULT ? 0 : err;
	if (info.size % MALLOC_PAGE_BYTES || info.size > info.open_size ||
	    info.open_size > heap->bytes_max || heap->start + info.size <= heap->first_chunk)
		return 0;
	heap->top_end = heap->start + info.size;
	if (heap->top_end > heap->end) {
		heap->end = heap->top_end;
		heap->open_end = heap->start + info.open_size;
	}
	return 0;
}
