// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/main_arena.h"

#include <errno.h>

#include "malloc/chunk.h"
#include "malloc/writable_data.h"
#include "util/account.h"
#include "util/cleanup.h"
#include "util/word.h"

/* An arena that is not the main one begins behind the struct heap_info of its heap. */
#define HEAP_INFO_OLD_BYTES 32 /* to 2.34 */
#define HEAP_INFO_BYTES	    48
/* Of heaps in huge pages of 2 MiB and 1 GiB; of heaps in others it is between these. */
#define HEAP_ALIGNMENT_MIN (MALLOC_HEAP_HUGE_PAGES * (2UL << 20))
#define HEAP_ALIGNMENT_MAX (MALLOC_HEAP_HUGE_PAGES * (1UL << 30))

/*
 * Of the 127 bins, so many may look wrong: a list that a thread changes at that moment. The ring of
 * arenas is the proof.
 */
#define BINS_WRONG_MAX 8
/* A hostile target may have the words of a first bin anywhere: so many are looked at closely. */
#define CANDIDATES_MAX 1024

struct search {
	const struct target *target;
	struct found_mallocs *out;
	size_t candidates;
};

/* Whether @address is in memory of the target that has no file, where it may be read. */
static bool is_heap_memory(const struct target *target, uint64_t address)
{
	const struct mapping *mapping = target__find_mapping(target, address);

	return mapping && mapping__is_anonymous(mapping) && mapping->readable && mapping->writable;
}

static bool may_be_thread_arena(const struct target *target, uint64_t address)
{
	uint64_t place = address % HEAP_ALIGNMENT_MIN;

	return (place == HEAP_INFO_OLD_BYTES || place == HEAP_INFO_BYTES) &&
	       is_heap_memory(target, address);
}

/* Whether the word behind the bins at @bins leads to an arena: this one, or one in a heap. */
static bool may_be_next(const struct target *target, uint64_t next, uint64_t bins)
{
	for (size_t i = 0; i < ARENA_LAYOUTS; i++)
		if (next == bins - arena_layouts[i].bins)
			return true;
	return may_be_thread_arena(target, next);
}

/* Whether what was read at the end of a list refers to the bin; what is swapped out may do so. */
static bool may_refer(const struct memory_range *range, uint64_t word, uint64_t chunk)
{
	return range->is_swapped || (!range->failed && word == chunk);
}

/* Whether both ends of a bin's list refer to the bin, which counts as the chunk at @chunk. */
static int check_list(const struct search *search, uint64_t chunk, uint64_t fd, uint64_t bk,
		      bool *is_whole)
{
	uint64_t back = 0, forth = 0;
	struct memory_range ranges[] = {
		{.address = fd + 24, .buffer = &back, .size = sizeof(back)},
		{.address = bk + 16, .buffer = &forth, .size = sizeof(forth)},
	};
	int err;

	*is_whole = false;
	if (fd % 16 || bk % 16 || !is_heap_memory(search->target, fd) ||
	    !is_heap_memory(search->target, bk))
		return 0;
	err = memory__read_ranges(search->target->memory, ranges, 2);
	*is_whole =
		!err && may_refer(&ranges[0], back, chunk) && may_refer(&ranges[1], forth, chunk);
	return err;
}

/* Whether there are bins at @offset of the piece. Returns 0 or as memory__read_ranges(). */
static int check_bins(const struct search *search, const struct writable_piece *piece,
		      size_t offset, bool *are_bins)
{
	size_t wrong = 0;

	for (size_t i = 0; i < ARENA_BINS && wrong <= BINS_WRONG_MAX; i++) {
		size_t at = offset + 16 * i;
		uint64_t chunk = piece->address + at - 16, fd = word_at(piece->bytes + at),
			 bk = word_at(piece->bytes + at + 8);
		bool is_whole = fd == chunk && bk == chunk;
		int err = is_whole ? 0 : check_list(search, chunk, fd, bk, &is_whole);

		if (err)
			return err;
		wrong += !is_whole;
	}
	*are_bins = wrong <= BINS_WRONG_MAX;
	return 0;
}

static int add_arena(struct found_malloc *found, size_t *capacity, struct account *account,
		     uint64_t address)
{
	int err = ACCOUNT_RESERVE(account, found->arenas, *capacity, found->arena_cnt + 1);

	if (!err)
		found->arenas[found->arena_cnt++] = address;
	return err;
}

/*
 * Follows the ring of arenas from the main one at @main on. Returns 0; -ENOENT: it does not lead
 * back; or negative errno. Then found->arenas may have some.
 */
static int follow_ring(const struct search *search, struct found_malloc *found, uint64_t main)
{
	const struct memory *memory = search->target->memory;
	uint64_t at = main, seen = 0, next;
	size_t capacity = 0;
	int err;

	do {
		/* A ring without the main arena reaches one of these again (Brent's algorithm). */
		if (!(found->arena_cnt & (found->arena_cnt - 1)))
			seen = at;
		err = add_arena(found, &capacity, memory->account, at);
		if (!err)
			err = memory__read(memory, at + found->layout->bins + ARENA_NEXT_AFTER_BINS,
					   &next, sizeof(next));
		at = next;
	} while (!err && at != main && at != seen && may_be_thread_arena(search->target, at) &&
		 found->arena_cnt < MALLOC_ARENAS_MAX);
	if (err)
		return err == -EFAULT ? -ENOENT : err;
	return at == main ? 0 : -ENOENT;
}

/*
 * Sets how large the heaps of threads may be: with huge pages, it depends on the version, which is
 * not known. But each heap begins with the address of its arena.
 */
static int find_heap_bytes_max(const struct search *search, struct found_malloc *found)
{
	const struct memory *memory = search->target->memory;
	uint64_t max = MALLOC_HEAP_HUGE_PAGES * found->parameters.hugetlb_bytes, top, arena;
	bool is_max = max >= HEAP_ALIGNMENT_MIN && max <= HEAP_ALIGNMENT_MAX && !(max & (max - 1));
	int err = 0;

	for (size_t i = 1; i < found->arena_cnt && is_max && !err; i++) {
		err = memory__read(memory, found->arenas[i] + found->layout->top, &top,
				   sizeof(top));
		if (!err && !is_heap_memory(search->target, top & ~(max - 1)))
			err = -EFAULT;
		if (!err)
			err = memory__read(memory, top & ~(max - 1), &arena, sizeof(arena));
		is_max = !err && arena == found->arenas[i];
	}
	found->heap_bytes_max = is_max ? max : MALLOC_HEAP_BYTES_MAX;
	return err == -EFAULT ? 0 : err;
}

/* Adds the malloc whose main arena has its bins at @bins, if its ring proves one. */
static int add_malloc(struct search *search, uint64_t bins)
{
	int err = -ENOENT;

	for (size_t i = 0; i < ARENA_LAYOUTS && err == -ENOENT; i++) {
		struct found_malloc found = {.layout = &arena_layouts[i]};
		uint64_t main = bins - arena_layouts[i].bins;

		err = follow_ring(search, &found, main);
		if (!err && search->out->cnt < MALLOCS_MAX)
			err = malloc_parameters__find(&found.parameters, search->target,
						      found.layout, main);
		if (!err)
			err = find_heap_bytes_max(search, &found);
		if (!err && search->out->cnt < MALLOCS_MAX) {
			search->out->items[search->out->cnt++] = found;
			continue;
		}
		search->out->is_cut |= !err;
		account__free(found.arenas);
	}
	return err == -ENOENT ? 0 : err;
}

static int look_at_piece(const struct writable_piece *piece, void *context)
{
	struct search *search = context;
	size_t needed = ARENA_NEXT_AFTER_BINS + 8;

	for (size_t at = 0; at < piece->size && at + needed <= piece->extent; at += 8) {
		uint64_t bins = piece->address + at;
		bool are_bins = false;
		int err;

		if (!may_be_next(search->target, word_at(piece->bytes + at + ARENA_NEXT_AFTER_BINS),
				 bins))
			continue;
		if (search->candidates++ == CANDIDATES_MAX) {
			search->out->is_cut = true;
			return -ECANCELED;
		}
		err = check_bins(search, piece, at, &are_bins);
		if (!err && are_bins)
			err = add_malloc(search, bins);
		if (err)
			return err;
	}
	return 0;
}

int found_mallocs__find(struct found_mallocs *out, const struct target *target)
{
	struct search search = {.target = target, .out = out};
	bool is_cut = false;
	int err;

	*out = (struct found_mallocs){};
	err = writable_data__visit(target->memory, target->maps, target->map_cnt, look_at_piece,
				   &search, &is_cut);
	out->is_cut |= is_cut;
	if (!err || err == -ECANCELED)
		return 0;
	found_mallocs__release(out);
	return err;
}

void found_mallocs__release(struct found_mallocs *mallocs)
{
	for (size_t i = 0; i < mallocs->cnt; i++)
		account__free(mallocs->items[i].arenas);
	*mallocs = (struct found_mallocs){};
}
