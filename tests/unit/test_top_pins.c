// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/top_pins.h"

#include "fake_malloc.h"
#include "malloc/malloc_layout.h"
#include "malloc/mallocs.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define SECOND_HEAP   (FAKE_HEAP + (64UL << 20))
#define TOP_BYTES     0x2000UL
#define PREV_IN_USE   1UL
#define NON_MAIN      4UL
#define PIN	      0x7d0UL
#define FAST	      0x40UL
#define LARGE	      0x18000UL /* free() of as much trims */
#define SPECS_MAX     6
#define FIRST_FASTBIN (FAKE_MAIN_ARENA + 16 + 8 * (FAST / 16 - 2))

/* A chunk below the top. */
struct spec {
	uint64_t size;
	enum {
		USED,
		FREE,
		IN_FASTBIN
	} state;
};

static void put(const struct fake_malloc *fake, uint64_t address, uint64_t word)
{
	*fake_memory__word(&fake->memory, address) = word;
}

/*
 * Writes the chunks, the last one first, below @end; what is below them down to @start becomes one
 * that is in use.
 */
static void lay_out(const struct fake_malloc *fake, uint64_t start, uint64_t end,
		    const struct spec *specs, uint64_t flags)
{
	uint64_t behind = end, was = *fake_memory__word(&fake->memory, end + 8);

	put(fake, end + 8, was | PREV_IN_USE);
	for (size_t i = 0; i < SPECS_MAX && specs[i].size; i++) {
		uint64_t at = behind - specs[i].size;

		put(fake, at + 8, specs[i].size | flags | PREV_IN_USE);
		if (specs[i].state == FREE) {
			put(fake, behind, specs[i].size);
			put(fake, behind + 8,
			    *fake_memory__word(&fake->memory, behind + 8) & ~PREV_IN_USE);
		}
		if (specs[i].state == IN_FASTBIN) {
			put(fake, at + 16, 0);
			put(fake, FIRST_FASTBIN, at);
		}
		behind = at;
	}
	put(fake, start + 8, (behind - start) | flags | PREV_IN_USE);
}

struct found {
	struct mallocs mallocs;
	struct heap *heap;
	const struct top_pins *pins;
};

static void find(struct found *found, const struct fake_malloc *fake)
{
	*found = (struct found){.pins = &found->mallocs.items[0].pins};
	assert_int_equal(heap__new(&found->heap, &malloc_layout, NULL), 0);
	assert_int_equal(mallocs__read(&found->mallocs, found->heap, &fake->target, NULL), 0);
	assert_int_equal(found->mallocs.items[0].image.torn_lists, 0);
	assert_false(found->pins->knows_resident);
}

static void release(struct found *found)
{
	mallocs__release(&found->mallocs);
	heap__free(found->heap);
}

static void make(struct fake_malloc *fake)
{
	static const struct target_ops ops;

	fake_malloc__init(fake, &arena_layouts[0], false);
	fake->target.ops = &ops;
	put(fake, FIRST_FASTBIN, 0);
}

/* What free() of the first pin does to the main arena. */
static void test_first_pin(void **state)
{
	static const struct {
		struct spec specs[SPECS_MAX];
		uint64_t threshold, pad, top_bytes, shrink_bytes;
		bool is_withheld;
	} cases[] = {
		{.specs = {{PIN, USED}, {LARGE, FREE}},
		 .top_bytes = TOP_BYTES + PIN + LARGE,
		 .shrink_bytes = 0x1a000},
		{.specs = {{PIN, USED}, {LARGE, FREE}},
		 .threshold = TOP_BYTES + PIN + LARGE,
		 .top_bytes = TOP_BYTES + PIN + LARGE,
		 .shrink_bytes = 0x1a000},
		{.specs = {{PIN, USED}, {LARGE, FREE}},
		 .threshold = TOP_BYTES + PIN + LARGE + 1,
		 .top_bytes = TOP_BYTES + PIN + LARGE,
		 .is_withheld = true},
		{.specs = {{PIN, USED}, {LARGE, FREE}},
		 .pad = 0x10000,
		 .top_bytes = TOP_BYTES + PIN + LARGE,
		 .shrink_bytes = 0xa000},
		{.specs = {{PIN, USED}, {LARGE, FREE}},
		 .pad = 1UL << 47,
		 .top_bytes = TOP_BYTES + PIN + LARGE},
		/* Too small for free() to trim: then fastbins are not merged either. */
		{.specs = {{PIN, USED}, {LARGE / 2, FREE}},
		 .top_bytes = TOP_BYTES + PIN + LARGE / 2},
		{.specs = {{PIN, USED}, {FAST, IN_FASTBIN}, {LARGE, FREE}},
		 .top_bytes = TOP_BYTES + PIN + FAST + LARGE},
		{.specs = {{FAST, IN_FASTBIN}, {LARGE, FREE}, {PIN, USED}},
		 .top_bytes = TOP_BYTES + PIN + FAST + LARGE,
		 .shrink_bytes = 0x1a000},
		{.specs = {{PIN, USED}, {LARGE, FREE}, {FAST, IN_FASTBIN}, {PIN, FREE}},
		 .top_bytes = TOP_BYTES + PIN + LARGE + FAST + PIN,
		 .shrink_bytes = 0x1a000},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct top_pin *pin;
		struct fake_malloc fake;
		struct found found;

		make(&fake);
		put(&fake, FAKE_PARAMETERS, cases[i].threshold);
		put(&fake, FAKE_PARAMETERS + 8, cases[i].pad);
		lay_out(&fake, FAKE_BRK, FAKE_BRK + FAKE_BRK_BYTES - TOP_BYTES, cases[i].specs, 0);
		find(&found, &fake);
		pin = found.pins->items;
		assert_true(found.pins->cnt > 0);
		assert_int_equal(pin->arena, 0);
		assert_int_equal(pin->size, PIN);
		assert_int_equal(pin->top_bytes, cases[i].top_bytes);
		assert_int_equal(pin->shrink_bytes, cases[i].shrink_bytes);
		assert_int_equal(pin->is_withheld, cases[i].is_withheld);
		release(&found);
		fake_malloc__release(&fake);
	}
}

/* Each pin counts those above it. The last is the first chunk of the heap. */
static void test_ladder(void **state)
{
	static const struct spec specs[SPECS_MAX] = {
		{PIN, USED}, {FAST, USED}, {LARGE, FREE}, {PIN, USED}, {PIN, FREE}};
	static const uint64_t sizes[] = {PIN, FAST, PIN}, shrinks[] = {0, 0x1a000, 0x1b000};
	struct fake_malloc fake;
	struct found found;
	size_t cnt;

	(void)state;
	make(&fake);
	put(&fake, FAKE_PARAMETERS, 0);
	put(&fake, FAKE_PARAMETERS + 8, 0);
	lay_out(&fake, FAKE_BRK, FAKE_BRK + FAKE_BRK_BYTES - TOP_BYTES, specs, 0);
	find(&found, &fake);
	assert_ptr_equal(top_pins__of_arena(found.pins, 0, &cnt), found.pins->items);
	assert_int_equal(cnt, 4);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(found.pins->items[i].rung, i);
		assert_int_equal(found.pins->items[i].size, sizes[i]);
		assert_int_equal(found.pins->items[i].shrink_bytes, shrinks[i]);
	}
	assert_int_equal(found.pins->items[3].block, FAKE_BRK + 16);
	release(&found);
	fake_malloc__release(&fake);
}

/* A heap of a thread's arena that becomes free is unmapped, and the one before may shrink. */
static void test_heap_is_given_up(void **state)
{
	static const struct spec pinned[SPECS_MAX] = {{PIN, USED}, {0x1d000 - PIN, FREE}},
				 before[SPECS_MAX] = {{LARGE, FREE}, {PIN, USED}};
	uint64_t first = SECOND_HEAP + 48, end = SECOND_HEAP + FAKE_HEAP_BYTES - TOP_BYTES;
	struct fake_malloc fake;
	struct found found;
	const struct top_pin *pins;
	size_t cnt;

	(void)state;
	make(&fake);
	put(&fake, FAKE_PARAMETERS, 0);
	put(&fake, FAKE_PARAMETERS + 8, 0);
	lay_out(&fake, first, end, pinned, NON_MAIN);
	lay_out(&fake,
		((fake.thread_arena + arena_layouts[0].bins + ARENA_END_AFTER_BINS + 15) & ~15UL),
		FAKE_HEAP + FAKE_HEAP_BYTES - 32, before, NON_MAIN);
	find(&found, &fake);
	pins = top_pins__of_arena(found.pins, 1, &cnt);
	assert_int_equal(cnt, 4);
	assert_int_equal(pins[0].shrink_bytes, 0x1e000);
	assert_int_equal(pins[1].block, first + 16);
	/* The heap, and what is free in the one before, but for 33 bytes and the rest of a page. */
	assert_int_equal(pins[1].shrink_bytes, FAKE_HEAP_BYTES + 0x17000);
	assert_int_equal(pins[1].top_bytes, LARGE + 32);
	assert_int_equal(pins[2].size, PIN);
	assert_int_equal(pins[2].top_bytes, LARGE + 32 + PIN);
	release(&found);
	/* No room for top_pad in the heap before: the heap stays. */
	put(&fake, FAKE_PARAMETERS + 8, 64UL << 20);
	find(&found, &fake);
	pins = top_pins__of_arena(found.pins, 1, &cnt);
	assert_int_equal(pins[1].top_bytes, FAKE_HEAP_BYTES - 48);
	assert_int_equal(pins[2].shrink_bytes, 0);
	release(&found);
	fake_malloc__release(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_pin),
		cmocka_unit_test(test_ladder),
		cmocka_unit_test(test_heap_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
