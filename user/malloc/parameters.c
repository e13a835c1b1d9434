// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/parameters.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "malloc/chunk.h"
#include "malloc/touched_runs.h"
#include "util/account.h"
#include "util/cleanup.h"
#include "util/word.h"

/* Main arena and parameters are in one data section, a few KiB apart in the builds looked at. */
#define REACH_BYTES 65536UL
/* The initial values of arena_test on 64 bit, and of n_mmaps_max; tunables may change either. */
#define ARENA_TEST    8
#define MMAPS_MAX     65536
#define ARENA_TEST_AT 24
#define HEADER_BYTES  104 /* up to sbrk_base, at most */
/* Behind sbrk_base. */
#define TCACHE_WORDS_BYTES 24
#define TCACHE_LISTS_MAX   76

/* Offsets in struct malloc_par, in bytes; 0: no such member. */
struct parameters_layout {
	uint16_t sbrk_base, mapped_cnt, no_dyn_threshold, thp_page_bytes, hp_page_bytes;
	bool comes_without_fastbins; /* in struct malloc_state */
};

static const struct parameters_layout layouts[] = {
	{.sbrk_base = 96,
	 .mapped_cnt = 60,
	 .no_dyn_threshold = 72,
	 .thp_page_bytes = 40,
	 .hp_page_bytes = 48},
	{.sbrk_base = 104,
	 .mapped_cnt = 68,
	 .no_dyn_threshold = 80,
	 .thp_page_bytes = 48,
	 .hp_page_bytes = 56,
	 .comes_without_fastbins = true},
	{.sbrk_base = 72, .mapped_cnt = 40, .no_dyn_threshold = 52},
};

/* The heap by brk(2), which may consist of several mappings. */
struct brk_range {
	uint64_t start, end; /* 0: there is none */
};

static struct brk_range find_brk(const struct target *target)
{
	struct brk_range range = {};

	for (size_t i = 0; i < target->map_cnt; i++) {
		if (strcmp(target->maps[i].path, "[heap]") != 0)
			continue;
		range.start = range.start ? range.start : target->maps[i].start;
		range.end = target->maps[i].end;
	}
	return range;
}

static uint32_t half_at(const uint8_t *bytes, size_t offset)
{
	uint32_t half;

	memcpy(&half, bytes + offset, sizeof(half));
	return half;
}

/*
 * The two layouts from glibc 2.35 on have the number of mappings equally far from sbrk_base, and so
 * cannot be told apart by it. But the later one came together with arenas without fastbins.
 */
static bool fits(const struct parameters_layout *layout, const struct arena_layout *arena,
		 const uint8_t *bytes)
{
	if (layout->comes_without_fastbins != !arena->fastbin_cnt)
		return false;
	return word_at(bytes + ARENA_TEST_AT) == ARENA_TEST ||
	       half_at(bytes, layout->mapped_cnt + 4U) == MMAPS_MAX;
}

/*
 * Chunks up to which size a tcache takes, by the words behind sbrk_base: the number of lists of
 * chunks of one size, the largest size (from glibc 2.42 on, where it may be beyond these; before
 * that, it is of the block), and how many of a size.
 */
static uint64_t cached_bytes_of(const uint8_t *behind)
{
	uint64_t lists = word_at(behind), largest = word_at(behind + 8), most;

	if (!word_at(behind + 16) || !lists || lists > TCACHE_LISTS_MAX)
		return 0;
	most = CHUNK_BYTES_MIN + 16 * (lists - 1);
	return largest > most ? largest - 1 : most;
}

/* Decodes what is at @bytes; there are @size bytes from there on. */
static void decode(struct malloc_parameters *out, const struct parameters_layout *layout,
		   const uint8_t *bytes, size_t size)
{
	*out = (struct malloc_parameters){
		.is_known = true,
		.sbrk_base = word_at(bytes + layout->sbrk_base),
		.trim_threshold = word_at(bytes),
		.top_pad = word_at(bytes + 8),
		.mmap_threshold = word_at(bytes + 16),
		.arenas_max = word_at(bytes + 32),
		.is_fixed = half_at(bytes, layout->no_dyn_threshold) != 0,
		.mapped_chunks = half_at(bytes, layout->mapped_cnt),
		.mapped_bytes = word_at(bytes + layout->sbrk_base - 16U),
	};
	if (size >= layout->sbrk_base + 8U + TCACHE_WORDS_BYTES)
		out->cached_bytes = cached_bytes_of(bytes + layout->sbrk_base + 8);
	if (layout->thp_page_bytes)
		out->huge_page_bytes = word_at(bytes + layout->thp_page_bytes);
	if (layout->hp_page_bytes)
		out->hugetlb_bytes = word_at(bytes + layout->hp_page_bytes);
}

/*
 * Whether sbrk_base may be @address: if brk(2) has failed from the start, that is the mapping that
 * malloc made instead (malloc/main_pieces.h).
 */
static bool is_first_piece(const struct target *target, uint64_t address)
{
	const struct mapping *mapping =
		address % MALLOC_PAGE_BYTES ? NULL : target__find_mapping(target, address);
	uint64_t words[2];

	return mapping && mapping__is_anonymous(mapping) && mapping->readable &&
	       mapping->writable && !memory__read(target->memory, address, words, sizeof(words)) &&
	       chunk__may_be_first(words);
}

/* What sbrk_base may be: in the heap by brk(2), best of all its start; or a mapping. */
struct base_search {
	const struct target *target;
	const struct arena_layout *arena;
	struct brk_range brk;
	bool in_mappings; /* instead of the heap by brk(2) */
};

static bool may_be_base(const struct base_search *search, uint64_t word)
{
	return search->in_mappings ? is_first_piece(search->target, word)
				   : word >= search->brk.start && word < search->brk.end;
}

/* Looks for sbrk_base in the @size bytes of data. */
static void look_for_base(struct malloc_parameters *out, const struct base_search *search,
			  const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + 8 <= size; at += 8) {
		uint64_t word = word_at(bytes + at);

		if (!word || (out->is_known && word != search->brk.start))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
			const uint8_t *start = bytes + at - layouts[i].sbrk_base;

			if (at < layouts[i].sbrk_base || !fits(&layouts[i], search->arena, start) ||
			    !may_be_base(search, word))
				continue;
			decode(out, &layouts[i], start, size - at + layouts[i].sbrk_base);
			if (word == search->brk.start)
				return;
		}
	}
}

uint64_t malloc_parameters__trim_unit(const struct malloc_parameters *parameters)
{
	uint64_t bytes = parameters->huge_page_bytes;

	return !bytes || bytes & (bytes - 1) ? MALLOC_PAGE_BYTES : bytes;
}

/* Looks at the data from @start to @end, as far as it was touched. */
static int look_at_data(struct malloc_parameters *out, const struct base_search *search,
			uint64_t start, uint64_t end)
{
	const struct memory *memory = search->target->memory;
	_cleanup_(touched_runs__release) struct touched_runs runs = {};
	int err = touched_runs__add(&runs, memory, start, end);

	for (size_t i = 0; i < runs.cnt && !err; i++) {
		size_t size = runs.items[i].end - runs.items[i].start;
		_cleanup_account_free_ uint8_t *bytes = account__alloc(memory->account, size);

		err = bytes ? memory__read(memory, runs.items[i].start, bytes, size) : -errno;
		if (!err)
			look_for_base(out, search, bytes, size);
		else if (err == -EFAULT)
			err = 0;
	}
	return err;
}

int malloc_parameters__find(struct malloc_parameters *out, const struct target *target,
			    const struct arena_layout *arena, uint64_t main_arena)
{
	const struct mapping *mapping = target__find_mapping(target, main_arena);
	struct base_search search = {.target = target, .arena = arena, .brk = find_brk(target)};
	uint64_t start, end;
	int err;

	*out = (struct malloc_parameters){};
	if (!mapping)
		return 0;
	start = main_arena - mapping->start > REACH_BYTES ? main_arena - REACH_BYTES
							  : mapping->start;
	end = mapping->end - main_arena > REACH_BYTES ? main_arena + REACH_BYTES : mapping->end;
	err = look_at_data(out, &search, start, end);
	if (err || out->is_known)
		return err;
	search.in_mappings = true;
	return look_at_data(out, &search, start, end);
}
