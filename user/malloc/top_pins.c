// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/top_pins.h"

#include <errno.h>

#include "malloc/chunk.h"
#include "util/account.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"
#include "util/partition_point.h"

/* free() of as much, when merged, merges fastbins and trims (FASTBIN_CONSOLIDATION_THRESHOLD). */
#define TRIM_BYTES_MIN (64UL << 10)
#define FAST_BYTES_MAX 128	   /* M_MXFAST, as it is unless mallopt(3) was called */
#define TOP_BYTES_MIN  33	   /* MINSIZE and one byte: they stay */
#define PAD_MAX	       (1UL << 47) /* of top_pad: more than there is address space */

/* The free memory at the end of a heap, as it is when the pins above are freed. */
struct free_end {
	const struct malloc_heap *heap;
	uint64_t start; /* address of a chunk */
	uint64_t pin;	/* block below it; 0: there is none */
	/* Of the part that merges without the fastbins: its size, and whether a pin is in it. */
	uint64_t piece_bytes;
	bool piece_has_pin;
};

enum release_kind {
	RELEASE_FREE_NOW, /* the top is large enough for it as it is, but not released yet */
	RELEASE_OF_TOP,	  /* the top is large enough if the pin is freed */
	RELEASE_OF_HEAP,  /* with it all of its heap is gone */
};

/* A range that is released from pin number @pin on; ranges of one arena do not overlap. */
struct release {
	size_t pin;
	enum release_kind kind;
};

/* For all arenas. */
struct search {
	struct top_pins *out;
	const struct malloc_image *image;
	struct account *account;
	struct resident_range *ranges;
	struct release *releases; /* of the same ranges */
	size_t range_cnt, range_capacity, release_capacity;
};

/* For one arena. */
struct ladder {
	struct search *search;
	size_t arena;
	struct free_end end;	/* of the heap that has the top by then */
	struct free_end before; /* of the heap before, once the one above is free; or no heap */
	bool trims;		/* some free() is large enough to do so */
	uint64_t unmapped_bytes, unmapped_cnt;
	uint64_t measured; /* address in the heap of the end, from which on ranges are added */
};

static uint64_t round_down(uint64_t value, uint64_t unit)
{
	return value & ~(unit - 1);
}

static void grow_piece(struct ladder *ladder, struct free_end *end, uint64_t chunk)
{
	end->piece_bytes += end->start - chunk;
	ladder->trims |= end->piece_has_pin && end->piece_bytes >= TRIM_BYTES_MIN;
}

/* Extends the free end by the chunks below it, down to the next pin. */
static void extend(struct ladder *ladder, struct free_end *end)
{
	const struct malloc_image *image = ladder->search->image;
	uint64_t block = end->start + CHUNK_HEADER_BYTES,
		 first = end->heap->first_chunk + CHUNK_HEADER_BYTES;

	end->pin = 0;
	while (block_map__previous(image->chunks, &block, first)) {
		enum chunk_state state = malloc_image__state_of(image, block);

		if (state == CHUNK_IN_USE || state == CHUNK_IN_TCACHE) {
			end->pin = block;
			break;
		}
		if (state == CHUNK_IN_FASTBIN) {
			end->piece_bytes = 0;
			end->piece_has_pin = false;
		} else {
			grow_piece(ladder, end, block - CHUNK_HEADER_BYTES);
		}
		end->start = block - CHUNK_HEADER_BYTES;
	}
}

static const struct malloc_heap *find_heap(const struct malloc_image *image, uint64_t start)
{
	const struct malloc_heap_list *heaps = &image->instance->heaps;
	size_t i = PARTITION_POINT(heap, heaps->items, heaps->cnt, heap->start < start);

	return i < heaps->cnt && heaps->items[i].start == start ? &heaps->items[i] : NULL;
}

/* Looks at the heap before, if the one that has the top is free. */
static void look_before(struct ladder *ladder)
{
	const struct malloc_heap *heap = ladder->end.heap, *before;

	if (ladder->before.heap || ladder->end.start != heap->first_chunk || !heap->previous)
		return;
	before = find_heap(ladder->search->image, heap->previous);
	if (!before || before->arena != ladder->arena || before->top ||
	    before->chunks_end + FENCE_BYTES != before->end)
		return;
	ladder->before = (struct free_end){.heap = before, .start = before->chunks_end};
	extend(ladder, &ladder->before);
}

static int add_range(const struct ladder *ladder, uint64_t start, uint64_t end,
		     enum release_kind kind)
{
	struct search *search = ladder->search;
	int err = ACCOUNT_RESERVE(search->account, search->ranges, search->range_capacity,
				  search->range_cnt + 1);

	if (!err)
		err = ACCOUNT_RESERVE(search->account, search->releases, search->release_capacity,
				      search->range_cnt + 1);
	if (err)
		return err;
	search->ranges[search->range_cnt] =
		(struct resident_range){.address = start, .size = end - start};
	search->releases[search->range_cnt++] =
		(struct release){.pin = search->out->cnt, .kind = kind};
	return 0;
}

/* Whether the heap that has the top is given up, for there is room in the one before. */
static bool is_given_up(const struct ladder *ladder)
{
	const struct free_end *before = &ladder->before;
	uint64_t room;

	if (!before->heap || ladder->unmapped_cnt >= ladder->search->image->instance->heaps.cnt)
		return false;
	room = before->heap->end - before->start +
	       (before->heap->bytes_max - (before->heap->end - before->heap->start));
	return room >= ladder->search->image->instance->parameters.top_pad + CHUNK_BYTES_MIN +
			       ladder->end.heap->page_bytes;
}

/* Gives up the heaps that are free at the end of the arena. */
static int give_up_heaps(struct ladder *ladder)
{
	int err = 0;

	for (look_before(ladder); ladder->trims && is_given_up(ladder) && !err;
	     look_before(ladder)) {
		const struct malloc_heap *heap = ladder->end.heap;

		err = add_range(ladder, heap->start, ladder->measured, RELEASE_OF_HEAP);
		ladder->unmapped_bytes += heap->end - heap->start;
		ladder->unmapped_cnt++;
		ladder->end = ladder->before;
		ladder->before = (struct free_end){};
		ladder->measured = ladder->end.heap->end;
	}
	return err;
}

/* How much the heap that has the top shrinks if free() gets as far and trim_threshold allows it. */
static uint64_t excess_bytes(const struct ladder *ladder, uint64_t top_bytes)
{
	const struct malloc_parameters *parameters = &ladder->search->image->instance->parameters;
	const struct malloc_heap *heap = ladder->end.heap;
	uint64_t stays = TOP_BYTES_MIN + parameters->top_pad, unit = heap->page_bytes;

	if (top_bytes <= stays || (ladder->arena == 0 && !heap->is_below_break))
		return 0;
	if (ladder->arena == 0)
		unit = malloc_parameters__trim_unit(parameters);
	return round_down(top_bytes - stays, unit);
}

/* Adds the last @excess bytes of the heap that has the top, as far as they are not yet. */
static int add_top(struct ladder *ladder, uint64_t excess, enum release_kind kind)
{
	uint64_t start = ladder->end.heap->end - excess, end = ladder->measured;

	if (start >= end)
		return 0;
	ladder->measured = start;
	return add_range(ladder, start, end, kind);
}

/* Whether free() may keep the chunk for reuse, in a tcache or a fastbin. */
static bool may_be_cached(const struct malloc_image *image, uint64_t size)
{
	const struct malloc_instance *instance = image->instance;

	return size <= instance->parameters.cached_bytes ||
	       (instance->layout->fastbin_cnt && size <= FAST_BYTES_MAX);
}

/* Finds what happens when the pin is freed, and adds it. */
static int add_pin(struct ladder *ladder, struct top_pin *pin)
{
	struct search *search = ladder->search;
	const struct malloc_parameters *parameters = &search->image->instance->parameters;
	uint64_t excess, end;
	int err = give_up_heaps(ladder);

	if (err)
		return err;
	end = ladder->end.heap->end;
	pin->top_bytes = end - ladder->end.start;
	excess = ladder->trims ? excess_bytes(ladder, pin->top_bytes) : 0;
	pin->is_withheld = excess && pin->top_bytes < parameters->trim_threshold;
	pin->shrink_bytes = ladder->unmapped_bytes + (pin->is_withheld ? 0 : excess);
	err = add_top(ladder, excess, RELEASE_OF_TOP);
	if (!err)
		err = ACCOUNT_RESERVE(search->account, search->out->items, search->out->capacity,
				      search->out->cnt + 1);
	if (!err)
		search->out->items[search->out->cnt++] = *pin;
	return err;
}

/* Finds the pins of the arena whose top is in @heap. */
static int climb_down(struct search *search, const struct malloc_heap *heap)
{
	struct ladder ladder = {
		.search = search,
		.arena = heap->arena,
		.end = {.heap = heap, .start = heap->top, .piece_bytes = heap->end - heap->top},
		.measured = heap->end,
	};
	int err;

	extend(&ladder, &ladder.end);
	err = give_up_heaps(&ladder);
	if (!err && (ladder.end.pin || ladder.before.pin))
		err = add_top(&ladder, excess_bytes(&ladder, heap->end - heap->top),
			      RELEASE_FREE_NOW);
	for (size_t i = 0; i < TOP_PINS_MAX && !err; i++) {
		struct free_end *end = ladder.before.heap ? &ladder.before : &ladder.end;
		struct top_pin pin = {.arena = heap->arena, .rung = i, .block = end->pin};

		if (!end->pin)
			break;
		pin.size = end->start - (end->pin - CHUNK_HEADER_BYTES);
		pin.is_cached = malloc_image__state_of(search->image, pin.block) == CHUNK_IN_TCACHE;
		pin.may_be_cached = !pin.is_cached && may_be_cached(search->image, pin.size);
		end->piece_has_pin = true;
		grow_piece(&ladder, end, end->pin - CHUNK_HEADER_BYTES);
		end->start = end->pin - CHUNK_HEADER_BYTES;
		extend(&ladder, end);
		err = add_pin(&ladder, &pin);
	}
	return err ? err : cpu_allowance__check();
}

/* Adds up what is resident of the ranges, from one pin of an arena to the next. */
static void sum_up(struct search *search)
{
	struct top_pins *out = search->out;
	uint64_t unmapped = 0, rest = 0, now = 0;
	size_t range = 0;

	for (size_t i = 0; i < out->cnt; i++) {
		struct top_pin *pin = &out->items[i];

		if (i && pin[-1].arena != pin->arena)
			unmapped = rest = now = 0;
		for (; range < search->range_cnt && search->releases[range].pin == i; range++) {
			rest += search->ranges[range].resident_bytes;
			if (search->releases[range].kind == RELEASE_FREE_NOW)
				now = rest;
			if (search->releases[range].kind == RELEASE_OF_HEAP) {
				unmapped += rest;
				rest = 0;
			}
		}
		pin->top_now_bytes = now;
		if (pin->is_withheld)
			pin->withheld_bytes = rest;
		else if (pin->shrink_bytes)
			pin->released_bytes = rest;
		pin->released_bytes += unmapped;
	}
}

static int compare_pins(const void *a, const void *b)
{
	const struct top_pin *left = a, *right = b;

	if (left->arena != right->arena)
		return left->arena < right->arena ? -1 : 1;
	return left->rung < right->rung ? -1 : left->rung > right->rung;
}

int top_pins__find(struct top_pins *out, const struct malloc_image *image,
		   const struct target *target)
{
	const struct malloc_heap_list *heaps = &image->instance->heaps;
	struct search search = {.out = out, .image = image, .account = target->memory->account};
	int err = 0;

	if (!image->instance->parameters.is_known || image->instance->parameters.top_pad > PAD_MAX)
		return 0;
	for (size_t i = 0; i < heaps->cnt && !err; i++)
		if (heaps->items[i].top && heaps->items[i].top == heaps->items[i].chunks_end)
			err = climb_down(&search, &heaps->items[i]);
	if (!err)
		err = target__measure_resident(target, search.ranges, search.range_cnt);
	out->knows_resident = !err;
	if (!err)
		sum_up(&search);
	account__free(search.ranges);
	account__free(search.releases);
	if (err && err != -ENODATA)
		return err;
	return account__sort(search.account, out->items, out->cnt, sizeof(*out->items),
			     compare_pins);
}

void top_pins__release(struct top_pins *pins)
{
	account__free(pins->items);
	*pins = (struct top_pins){};
}

const struct top_pin *top_pins__of_arena(const struct top_pins *pins, size_t arena, size_t *cnt)
{
	size_t first = PARTITION_POINT(pin, pins->items, pins->cnt, pin->arena < arena);

	*cnt = PARTITION_POINT(pin, pins->items, pins->cnt, pin->arena <= arena) - first;
	return *cnt ? &pins->items[first] : NULL;
}
