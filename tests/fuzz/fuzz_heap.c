// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever is in the target's memory, and however it changes while it is read, finding
 * the allocator and taking checkpoints terminate, with a heap or with one of the errors that their
 * headers document. A returned heap is consistent: its arenas are sorted and disjoint, and its
 * blocks lie inside of them, only where their pool's size class has blocks. A heap that was not
 * corrupted is found exactly as it is.
 *
 * Input: 4 bytes that choose a valid heap and how it is read; then edits of 16 bytes. An edit
 * corrupts one word: of the data, the arena array, a pool's header, or a block. It is applied
 * before the search, or later, before a given number of reads.
 */
#include <errno.h>
#include <time.h>

#include "fuzz.h"

#include "fake_target.h"
#include "pymalloc/checkpoint.h"
#include "util/cleanup.h"

#define STEPS	   2500
#define BLOCKS	   2000
#define TARGET_CNT 8
#define EDITS_MAX  64

struct start {
	uint8_t target, piece;
	uint8_t hole;	   /* which arena cannot be read; 0, or 128 and more: none */
	uint8_t max_chunk; /* the limit of a heap image's size; 0: none */
};

enum edit_place {
	PLACE_DATA,
	PLACE_SLOT,
	PLACE_HEADER,
	PLACE_BLOCK,
	PLACE_CNT,
};

enum edit_kind {
	EDIT_SET,
	EDIT_ADD,
	EDIT_FLIP,
	EDIT_COPY, /* the word at another place */
	EDIT_CNT,
};

struct edit {
	uint8_t place, kind;
	uint8_t at_read; /* 0: before the first read */
	uint8_t word;
	uint32_t index;
	uint64_t value;
};

/* A target's memory, corrupted while it is read. */
struct spoilt_memory {
	struct memory memory;
	struct fake_target *target;
	uint64_t hole, hole_bytes;
	struct edit edits[EDITS_MAX];
	struct {
		uint64_t *at, value;
	} undo[EDITS_MAX];
	size_t edit_cnt, done_cnt;
	uint64_t read_cnt;
};

/* Code that waits for a target here waits for nothing. */
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	(void)wanted;
	(void)left;
	return 0;
}

static struct fake_target *get_target(size_t index)
{
	static struct fake_target targets[TARGET_CNT];
	struct fake_target *target = &targets[index];

	if (!target->memory.range_cnt) {
		struct fake_options options =
			fake_target__options(&FAKE_GEOMETRIES[index % FAKE_GEOMETRY_CNT],
					     index % 2 ? FAKE_STATIC : FAKE_INLINED);

		options.seed = index + 1;
		options.arena_skew = index < FAKE_GEOMETRY_CNT ? 0 : 4096;
		options.steps_per_arena = 1000;
		fake_target__init(target, &options);
		for (int i = 0; i < STEPS; i++)
			fake_pymalloc__step(&target->pymalloc, BLOCKS);
	}
	return target;
}

/* The word that an edit changes. */
static uint64_t *find_word(const struct fake_target *target, uint8_t place, uint32_t index,
			   uint8_t word)
{
	const struct fake_pymalloc *fake = &target->pymalloc;
	uint64_t address;

	switch (place % PLACE_CNT) {
	case PLACE_DATA:
		address = FAKE_DATA + index % (FAKE_DATA_BYTES / 8) * 8;
		break;
	case PLACE_SLOT:
		return (uint64_t *)fake_pymalloc__slot(fake, index % fake->maxarenas) + word % 6;
	case PLACE_HEADER:
		address = geometry__pool_of(&fake->geometry,
					    fake->blocks[index % fake->block_cnt].address) +
			  word % 6 * 8;
		break;
	default:
		address = fake->blocks[index % fake->block_cnt].address;
		break;
	}
	return fake_memory__word(&target->memory, address);
}

static void spoil(struct spoilt_memory *spoilt, const struct edit *edit)
{
	uint64_t *at = find_word(spoilt->target, edit->place, edit->index, edit->word);

	spoilt->undo[spoilt->done_cnt].at = at;
	spoilt->undo[spoilt->done_cnt++].value = *at;
	switch (edit->kind % EDIT_CNT) {
	case EDIT_SET:
		*at = edit->value;
		break;
	case EDIT_ADD:
		*at += edit->value;
		break;
	case EDIT_FLIP:
		*at ^= 1UL << (edit->value % 64);
		break;
	default:
		*at = *find_word(spoilt->target, (uint8_t)(edit->value >> 40),
				 (uint32_t)edit->value, (uint8_t)(edit->value >> 32));
		break;
	}
}

/* Applies edits in the order of the input, none before its time. */
static void spoil_what_is_due(struct spoilt_memory *spoilt)
{
	while (spoilt->done_cnt < spoilt->edit_cnt &&
	       spoilt->edits[spoilt->done_cnt].at_read <= spoilt->read_cnt)
		spoil(spoilt, &spoilt->edits[spoilt->done_cnt]);
}

static void restore(struct spoilt_memory *spoilt)
{
	while (spoilt->done_cnt) {
		spoilt->done_cnt--;
		*spoilt->undo[spoilt->done_cnt].at = spoilt->undo[spoilt->done_cnt].value;
	}
}

static int read_spoilt(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	struct spoilt_memory *spoilt = (struct spoilt_memory *)memory;
	int err;

	spoilt->read_cnt++;
	spoil_what_is_due(spoilt);
	err = spoilt->target->memory.memory.read_ranges(&spoilt->target->memory.memory, ranges,
							cnt);
	for (size_t i = 0; i < cnt && !err; i++)
		if (ranges[i].address - spoilt->hole < spoilt->hole_bytes) {
			ranges[i].failed = true;
			memset(ranges[i].buffer, 0xa5, ranges[i].size);
		}
	return err;
}

static void check_arenas(const struct heap *heap)
{
	for (size_t i = 1; i < heap->region_cnt; i++) {
		CHECK(heap->regions[i - 1].address < heap->regions[i].address);
		CHECK(heap->regions[i].address - heap->regions[i - 1].address >=
		      heap->layout.region_size);
	}
}

static void check_heap_is_one(const struct heap *heap)
{
	struct heap_measure measure;
	const struct heap_totals *totals = &measure.totals;

	check_arenas(heap);
	CHECK(!heap__measure(heap, &measure));
	CHECK(!totals->stray_blocks && !totals->unclassified_spans);
	CHECK(totals->live_blocks == count_all_bits(heap->blocks));
	CHECK(totals->live_bytes + totals->free_block_bytes + totals->free_span_bytes +
		      totals->overhead_bytes ==
	      totals->region_bytes);
	heap_measure__free(&measure);
}

static void check_heap_is_whole(const struct heap *heap, const struct fake_pymalloc *fake)
{
	CHECK(heap->region_cnt == fake->arena_cnt);
	CHECK(count_all_bits(heap->blocks) == fake->block_cnt);
	for (size_t i = 0; i < fake->block_cnt; i++)
		CHECK(block_map__contains(heap->blocks, fake->blocks[i].address));
}

/* Whether the heap is unchanged since the fake allocator built it, and all of it could be read. */
static bool is_intact(const struct spoilt_memory *spoilt)
{
	return !spoilt->edit_cnt && !spoilt->hole_bytes;
}

static void read_heap(struct spoilt_memory *spoilt, struct obmalloc *obmalloc,
		      uint64_t max_memory_bytes)
{
	const struct checkpoint_options options = {};
	struct checkpoint_counts counts = {};
	struct heap *heap = NULL;
	struct account *account;
	int err;

	CHECK(!account__new(&account, max_memory_bytes, NULL));
	spoilt->memory.account = account;
	err = checkpoint__read(&heap, obmalloc, &spoilt->memory, &options, &counts);
	spoilt->memory.account = NULL;
	CHECK(account__usage(account).peak_bytes <= max_memory_bytes);
	account__close(account);
	if (err) {
		CHECK(!heap);
		CHECK(err == -EDQUOT || err == -EAGAIN || err == -EUCLEAN || err == -E2BIG ||
		      err == -EFAULT);
		CHECK(!is_intact(spoilt) || err == -EDQUOT);
		return;
	}
	check_heap_is_one(heap);
	CHECK(counts.unresolved_spans <= counts.retried_spans);
	if (is_intact(spoilt)) {
		check_heap_is_whole(heap, &spoilt->target->pymalloc);
		CHECK(!counts.retried_spans && !counts.unreadable_spans);
	}
	heap__free(heap);
}

static void find_and_read(struct spoilt_memory *spoilt, const struct start *start)
{
	struct obmalloc obmalloc = {};
	struct data_image data;
	int err;

	spoil_what_is_due(spoilt);
	fake_target__copy_data(&spoilt->target->memory, FAKE_DATA, FAKE_DATA_BYTES, &data);
	err = obmalloc__locate(&obmalloc, &data, NULL, &spoilt->memory);
	data_image__free(&data);
	if (err) {
		CHECK(!obmalloc.items);
		CHECK(err == -ENOENT || err == -ENODATA || err == -EAGAIN || err == -EFAULT ||
		      err == -E2BIG);
		CHECK(!is_intact(spoilt));
		return;
	}
	CHECK(obmalloc.cnt == 1 && obmalloc.items[0].arenas_at_cnt > 0);
	/* Twice: the second time the allocator is already known. */
	for (int i = 0; i < 2; i++)
		read_heap(spoilt, &obmalloc,
			  start->max_chunk ? start->max_chunk * 4096UL : UINT64_MAX);
	obmalloc__free(&obmalloc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = {0, 48, 200, 4096};
	struct spoilt_memory spoilt = {.memory.read_ranges = read_spoilt};
	struct fuzz_input input = {data, size};
	struct fake_pymalloc *fake;
	struct start start;

	fuzz_input__take(&input, &start, sizeof(start));
	spoilt.target = get_target(start.target % TARGET_CNT);
	spoilt.target->memory.piece_size = pieces[start.piece % ARRAY_SIZE(pieces)];
	fake = &spoilt.target->pymalloc;
	if (start.hole && start.hole < 128) {
		spoilt.hole = fake->arenas[start.hole % fake->arena_cnt];
		spoilt.hole_bytes = fake->geometry.arena_size;
	}
	while (input.size && spoilt.edit_cnt < EDITS_MAX)
		fuzz_input__take(&input, &spoilt.edits[spoilt.edit_cnt++], sizeof(struct edit));
	find_and_read(&spoilt, &start);
	restore(&spoilt);
	return 0;
}
