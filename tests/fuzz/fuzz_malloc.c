// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever a target has written where glibc's malloc has its state, reading and drawing
 * it ends, takes no more memory than it may, and the figures add up.
 *
 * Input: a byte for the layout and for whether links are mangled; then changes of a heap as glibc
 * would have made it. Each is a byte for what to change (the main arena, the parameters, the
 * thread's arena, a heap, a mapped chunk), two for which word of it, and the new word: a number,
 * or the address of one of these.
 */
#include "fuzz_changes.h"

#include <string.h>

#include "analysis/malloc_map.h"
#include "fake_malloc.h"
#include "malloc/malloc_layout.h"
#include "malloc/mallocs.h"
#include "util/account.h"
#include "util/cleanup.h"

#define MEMORY_MAX  (16UL << 20)
#define CHANGES_MAX 64

static const uint64_t addresses[] = {
	FAKE_MAIN_ARENA, FAKE_PARAMETERS, FAKE_BRK,    FAKE_BRK + FAKE_BRK_BYTES - 0x2000,
	FAKE_HEAP,	 FAKE_HEAP + 48,  FAKE_MAPPED, FAKE_HEAP + (64UL << 20),
};

/* A link as safe-linking mangles it. */
static uint64_t mangled_link(const struct fuzz_places *places, struct fuzz_input *input)
{
	uint64_t link = fuzz_places__address(places, input);

	return link ^ fuzz_places__address(places, input) >> 12;
}

static const struct fuzz_places places = {
	.items = addresses,
	.cnt = ARRAY_SIZE(addresses),
	.special_word = mangled_link,
};

static void check_image(const struct malloc_image *image)
{
	for (size_t i = 0; i < image->instance->arena_cnt; i++) {
		const struct malloc_arena_use *use = &image->arenas[i];

		CHECK(use->overhead_bytes <= use->heap_bytes);
		CHECK(use->in_use.bytes + use->free.bytes + use->fastbins.bytes +
			      use->tcache.bytes + use->top_bytes + use->overhead_bytes +
			      use->lost_bytes ==
		      use->heap_bytes);
		CHECK(use->in_use.cnt * CHUNK_BYTES_MIN <= use->in_use.bytes);
	}
}

/* The spans of the image fill its regions. */
static void check_spans(const struct heap *heap)
{
	for (size_t i = 0; i < heap->region_cnt; i++) {
		const struct region *region = &heap->regions[i];
		struct span span = {};
		uint64_t at = heap_layout__first_span(&heap->layout, region);

		while (heap__next_span(heap, region, &span)) {
			CHECK(span.address == at && span.size && span.block_size < span.size);
			at += span.size;
		}
		CHECK(at == heap_layout__spans_end(&heap->layout, region));
	}
}

/* Pins of one arena are blocks that are not free, one after the other. */
static void check_pins(const struct top_pins *pins, const struct malloc_image *image)
{
	for (size_t i = 0; i < pins->cnt; i++) {
		const struct top_pin *pin = &pins->items[i];

		CHECK(pin->arena < image->instance->arena_cnt && pin->rung < TOP_PINS_MAX);
		CHECK(malloc_image__state_of(image, pin->block) ==
		      (pin->is_cached ? CHUNK_IN_TCACHE : CHUNK_IN_USE));
		CHECK(pin->size >= CHUNK_BYTES_MIN);
		CHECK(!pin->rung || pin[-1].rung + 1 == pin->rung);
	}
}

/* Three pages of four are in RAM, and more than was asked for. */
static int find_resident(const struct target *target, uint64_t start, uint64_t end,
			 memory_run_fn *take, void *context)
{
	int err = 0;

	(void)target;
	for (uint64_t at = start & ~0x3fffUL; at < end && !err; at += 0x4000)
		err = take(at, at + 0x3000, context);
	return err;
}

static void check_drawn(const struct malloc_map_heap *heap)
{
	uint64_t size = heap->end - heap->start, in_use = 0;

	CHECK(heap->sector_cnt <= MALLOC_MAP_COLUMNS * MALLOC_MAP_LINES);
	CHECK(heap->sector_cnt == (size + heap->sector_bytes - 1) / heap->sector_bytes);
	CHECK(strspn(heap->sectors, "*=-.^ ?") == heap->sector_cnt);
	for (size_t i = 0; i < heap->sector_cnt; i++) {
		CHECK(heap->in_use[i] <= heap->sector_bytes);
		in_use += heap->in_use[i];
	}
	CHECK(in_use == heap->in_use_bytes);
	CHECK(in_use + heap->free_bytes + heap->top_bytes + heap->lost_bytes <= size);
	CHECK(heap->resident_bytes <= size);
	CHECK(heap->free_resident_bytes <= heap->resident_bytes);
	CHECK(heap->free_resident_bytes <= heap->free_bytes + heap->top_bytes);
}

static void draw(const struct mallocs *mallocs, const struct target *target)
{
	_cleanup_(malloc_map__release) struct malloc_map map = {};
	size_t heap_cnt = 0;
	int err = malloc_map__draw(&map, mallocs, target);

	CHECK(!err || account__is_short(err));
	if (err)
		return;
	for (size_t i = 0; i < mallocs->cnt; i++)
		heap_cnt += mallocs->areas.items[i].heaps.cnt;
	CHECK(map.cnt + map.left_out <= heap_cnt);
	for (size_t i = 0; i < map.cnt; i++)
		check_drawn(&map.heaps[i]);
}

static void read_all(const struct fake_malloc *fake)
{
	_cleanup_(heap__freep) struct heap *heap = NULL;
	struct mallocs mallocs = {};
	int err = heap__new(&heap, &malloc_layout, fake->target.memory->account);

	if (!err)
		err = mallocs__read(&mallocs, heap, &fake->target, NULL);
	CHECK(!err || account__is_short(err));
	for (size_t i = 0; i < mallocs.cnt && !err; i++) {
		check_image(&mallocs.items[i].image);
		check_pins(&mallocs.items[i].pins, &mallocs.items[i].image);
		CHECK(!mallocs.items[i].trim.knows_resident);
	}
	if (!err)
		check_spans(heap);
	if (!err)
		draw(&mallocs, &fake->target);
	mallocs__release(&mallocs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.bytes = data, .size = size};
	uint8_t layout = fuzz_input__byte(&input);
	static const struct target_ops ops = {.find_resident = find_resident};
	struct account *account;
	struct fake_malloc fake;

	CHECK(!account__new(&account, MEMORY_MAX, NULL));
	fake_malloc__init(&fake, &arena_layouts[layout % ARENA_LAYOUTS],
			  layout / ARENA_LAYOUTS % 2);
	fake.memory.memory.account = account;
	fake.target.ops = &ops;
	for (int i = 0; i < CHANGES_MAX && input.size; i++)
		fuzz_places__change(&places, &fake.memory, &input);
	read_all(&fake);
	CHECK(!account__usage(account).used_bytes);
	account__close(account);
	fake_malloc__release(&fake);
	return 0;
}
