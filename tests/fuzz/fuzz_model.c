// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever events claim, the model of a heap stays consistent. Its arenas are sorted and
 * disjoint; live, free and overhead bytes add up to the arenas' bytes; counters only rise, and by
 * no more than the last event can have changed. A checkpoint may be taken at any time; it corrects
 * at most as many blocks as there are.
 *
 * Input: a byte that chooses the heap from which the model starts, then events of 16 bytes, as BPF
 * sends them. `flags`, which the model ignores, chooses the base of their address, because an
 * arbitrary address would hit nothing. A type that no event has takes a checkpoint.
 */
#include "fuzz.h"

#include "fake_target.h"
#include "heap/model.h"
#include "util/array.h"
#include "util/cleanup.h"

#define STEPS	   600
#define BLOCKS	   300
#define CHECKPOINT 0x80 /* event types from here on */

enum address_from {
	FROM_NOTHING,
	FROM_BLOCK,
	FROM_ARENA,
	FROM_BELOW, /* below the arenas: other arenas next to them */
	FROM_END,   /* from the end of the address space, like small negative numbers */
	FROM_CNT,
};

/* A heap, as the events that made it, and its final state. */
struct recording {
	struct fake_target target;
	struct pyfrag_event *events;
	size_t cnt, capacity;
};

static void record(void *context, const struct pyfrag_event *event)
{
	struct recording *recording = context;

	CHECK(!ARRAY_RESERVE(recording->events, recording->capacity, recording->cnt + 1));
	recording->events[recording->cnt++] = *event;
}

/* Made on first use, and kept. */
static const struct recording *get_recording(size_t index)
{
	static struct recording recordings[8];
	struct recording *recording = &recordings[index];

	if (!recording->cnt) {
		struct fake_options options =
			fake_target__options(&FAKE_GEOMETRIES[index % FAKE_GEOMETRY_CNT],
					     FAKE_INLINED);

		options.arena_skew = index < FAKE_GEOMETRY_CNT ? 0 : 4096;
		options.on_event = record;
		options.context = recording;
		fake_target__init(&recording->target, &options);
		for (int i = 0; i < STEPS; i++)
			fake_pymalloc__step(&recording->target.pymalloc, BLOCKS);
	}
	return recording;
}

static struct model *replay(const struct recording *recording, bool follows_blocks)
{
	struct model *model;

	CHECK(!model__new(&model, LAYOUT_OF(&recording->target.pymalloc.geometry), follows_blocks,
			  NULL));
	for (size_t i = 0; i < recording->cnt; i++)
		CHECK(!model__apply(model, &recording->events[i]));
	return model;
}

static void check_arenas(const struct heap *heap)
{
	for (size_t i = 1; i < heap->region_cnt; i++) {
		CHECK(heap->regions[i - 1].address < heap->regions[i].address);
		CHECK(heap->regions[i].address - heap->regions[i - 1].address >=
		      heap->layout.region_size);
	}
}

static void check_heap_adds_up(const struct heap *heap)
{
	struct heap_measure measure;
	const struct heap_totals *totals = &measure.totals;

	check_arenas(heap);
	CHECK(!heap__measure(heap, &measure));
	CHECK(totals->regions == heap->region_cnt);
	CHECK(totals->region_bytes == heap->region_cnt * heap->layout.region_size);
	CHECK(totals->live_bytes <= totals->region_bytes);
	CHECK(totals->free_block_bytes <= totals->region_bytes);
	CHECK(totals->free_span_bytes <= totals->region_bytes);
	CHECK(totals->overhead_bytes <= totals->region_bytes);
	CHECK(totals->live_bytes + totals->free_block_bytes + totals->free_span_bytes +
		      totals->overhead_bytes ==
	      totals->region_bytes);
	for (size_t i = 0; i < heap->region_cnt; i++)
		CHECK(measure.regions[i].live_bytes <= heap->layout.region_size);
	heap_measure__free(&measure);
}

/* All counters as an array: they have one type. */
#define COUNT_CNT (sizeof(struct model_counts) / sizeof(uint64_t))

static void check_counts(const struct model_counts *before, const struct model_counts *after,
			 uint64_t rise_max)
{
	const uint64_t *from = (const uint64_t *)before, *to = (const uint64_t *)after;

	for (size_t i = 0; i < COUNT_CNT; i++)
		CHECK(to[i] - from[i] <= rise_max);
}

/* A checkpoint of the initial heap, which does not include the events since. */
static void take_checkpoint(struct model *model, const struct recording *recording,
			    const struct pyfrag_event *event)
{
	struct model *other = replay(recording, true);
	struct heap *fresh = TAKE_PTR(other->heap);
	uint64_t drift = 0, pools[16];
	size_t pool_cnt = 0;

	model__free(other);
	if (!model->touched && model->follows_blocks && event->size_class % 2) {
		heap__free(fresh);
		CHECK(!model__begin_checkpoint(model, event->size_class & 2));
		return;
	}
	if (model->touched)
		model__compare(model, fresh, &drift, pools, ARRAY_SIZE(pools), &pool_cnt);
	CHECK(pool_cnt <= ARRAY_SIZE(pools) && !pool_cnt == !drift);
	CHECK(!model__adopt(model, fresh, drift));
	CHECK(!model->touched);
}

static uint64_t base_of(const struct fake_pymalloc *fake, const struct pyfrag_event *event)
{
	uint64_t index = event->address >> 32;

	switch (event->flags % FROM_CNT) {
	case FROM_BLOCK:
		return fake->blocks[index % fake->block_cnt].address;
	case FROM_ARENA:
		return fake->arenas[index % fake->arena_cnt];
	case FROM_BELOW:
		return fake->next_arena - (32UL << 20);
	case FROM_END:
		return -(64UL << 20);
	default:
		return 0;
	}
}

static void apply(struct model *model, const struct recording *recording,
		  struct pyfrag_event *event)
{
	const struct fake_pymalloc *fake = &recording->target.pymalloc;
	struct model_counts before = model->counts;
	uint64_t base = base_of(fake, event);

	if (event->type >= CHECKPOINT) {
		take_checkpoint(model, recording, event);
		check_counts(&before, &model->counts, UINT32_MAX);
		return;
	}
	if (base)
		event->address = base + event->address % (64UL << 20);
	CHECK(!model__apply(model, event));
	/* A change is at most the number of blocks of an arena. */
	check_counts(&before, &model->counts, fake->geometry.arena_size / fake->geometry.alignment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	uint8_t start = fuzz_input__byte(&input);
	const struct recording *recording = get_recording(start % 8);
	struct model *model = replay(recording, !(start & 8));

	for (int i = 0; input.size; i++) {
		struct pyfrag_event event;

		fuzz_input__take(&input, &event, sizeof(event));
		apply(model, recording, &event);
		if (i % 16 == 0)
			check_arenas(model->heap);
	}
	check_heap_adds_up(model->heap);
	model__free(model);
	return 0;
}
