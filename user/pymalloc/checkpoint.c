// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/checkpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pymalloc/pool.h"
#include "pymalloc/pymalloc_layout.h"
#include "util/cleanup.h"
#include "util/sleep.h"

/* Pools per batch. Their headers take 192 KiB; their bodies are read BODY_BYTES at a time. */
#define BATCH_POOLS 4096
#define BODY_BYTES  (512UL << 10)
/*
 * How many times to retry a pool that changes while it is read, before a torn copy is accepted.
 * Each retry waits longer than the one before, 3 ms in total: the writer may have been preempted in
 * the middle of a change.
 */
#define TORN_TRIES_MAX 16
#define TORN_WAIT_NS   20000
/* How many times to read the arena table and compare it with the arenas already read. */
#define ROUNDS_MAX 4

struct pool_ref {
	uint64_t address;
	uint32_t size; /* bytes to copy */
};

struct reader {
	const struct memory *memory;
	struct heap *heap;
	struct geometry geometry; /* of the heap */
	struct checkpoint_counts *counts;
	const struct checkpoint_options *options;
	bool drops_torn; /* leaves what is stored of a pool that stays torn */
	uint64_t done_bytes, total_bytes;
	/* The current batch. */
	uint64_t pools[BATCH_POOLS];
	bool due[BATCH_POOLS]; /* to be read again even if its header is unchanged */
	size_t pool_cnt;
	struct pool_header headers[BATCH_POOLS];
	struct memory_range ranges[BATCH_POOLS];
	struct pool_ref partial[BATCH_POOLS];
	size_t partial_cnt;
	uint64_t torn[BATCH_POOLS];
	size_t torn_cnt;
	uint8_t *body;
	/* The address of one changed pool for each arena that changed during this reading. */
	uint64_t *changed;
	size_t changed_cnt, changed_capacity;
};

static void reader__free(struct reader *reader)
{
	if (reader) {
		free(reader->body);
		account__free(reader->changed);
	}
	free(reader);
}

static void reader__freep(struct reader **reader)
{
	reader__free(*reader);
}

static int reader__new(struct reader **out, struct heap *heap, const struct memory *memory,
		       const struct checkpoint_options *options, struct checkpoint_counts *counts)
{
	_cleanup_(reader__freep) struct reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	reader->body = malloc(BODY_BYTES);
	if (!reader->body)
		return -ENOMEM;
	reader->memory = memory;
	reader->heap = heap;
	reader->geometry = pymalloc_layout__geometry(&heap->layout);
	reader->counts = counts;
	reader->options = options;
	*out = TAKE_PTR(reader);
	return 0;
}

static uint64_t stamp_of(const struct reader *reader, const struct pool_header *header)
{
	return reader->options && reader->options->keep_stamps ? pool__stamp(header) : 0;
}

static int store_pool(struct reader *reader, uint64_t address, uint32_t size_class, uint64_t stamp,
		      const uint64_t *live)
{
	return block_map__set_span(reader->heap->blocks, address, (uint8_t)size_class, stamp, live,
				   pool__word_cnt(&reader->geometry));
}

/* Whether the stamp in the heap image matches @header. */
static bool is_same(const struct reader *reader, uint64_t address, const struct pool_header *header)
{
	uint64_t stamp = stamp_of(reader, header);

	return stamp && block_map__stamp(reader->heap->blocks, address) == stamp;
}

/* Whether the pool is unchanged and, unless it is @due, need not be read again. */
static bool is_known(struct reader *reader, uint64_t address, const struct pool_header *header,
		     bool due)
{
	if (!is_same(reader, address, header))
		return false;
	if (due) {
		reader->counts->scrubbed_spans++;
		return false;
	}
	reader->counts->unchanged_spans++;
	return true;
}

/* Compares the blocks of a pool that was read although its @header is unchanged. */
static void compare_blocks(struct reader *reader, uint64_t address,
			   const struct pool_header *header, const uint64_t *live)
{
	const struct block_map *blocks = reader->heap->blocks;
	uint64_t stamp = stamp_of(reader, header);

	if (stamp && block_map__stamp(blocks, address) == stamp &&
	    memcmp(block_map__span_bits(blocks, address), live,
		   pool__word_cnt(&reader->geometry) * sizeof(*live)) != 0)
		reader->counts->corrected_spans++;
}

/* Records that the pool at @address has changed. */
static int note_change(struct reader *reader, uint64_t address)
{
	uint64_t arena_size = reader->geometry.arena_size;
	int err;

	/* Pools come sorted by address, so the last entry is usually in the same arena. */
	if (reader->changed_cnt &&
	    reader->changed[reader->changed_cnt - 1] / arena_size == address / arena_size)
		return 0;
	err = ACCOUNT_RESERVE(reader->heap->account, reader->changed, reader->changed_capacity,
			      reader->changed_cnt + 1);
	if (err)
		return err;
	reader->changed[reader->changed_cnt++] = address;
	return 0;
}

/* A free pool has no live blocks. The map may still have some for it. */
static int store_free_pool(struct reader *reader, uint64_t address)
{
	static const uint64_t none[POOL_WORDS_MAX];

	if (!block_map__span_bits(reader->heap->blocks, address))
		return 0;
	if (block_map__stamp(reader->heap->blocks, address)) {
		int err = note_change(reader, address);

		if (err)
			return err;
	}
	return store_pool(reader, address, CLASS_UNKNOWN, 0, none);
}

/*
 * A pool that could not be read: it is swapped out, or was unmapped meanwhile. Rereading leaves
 * what is stored of it.
 */
static int take_failed(struct reader *reader, const struct memory_range *range)
{
	static const uint64_t none[POOL_WORDS_MAX];
	int err;

	if (!range->is_swapped || reader->drops_torn) {
		reader->counts->unreadable_spans += !range->is_swapped;
		return 0;
	}
	err = note_change(reader, range->address);
	return err ? err : store_pool(reader, range->address, CLASS_UNREAD, 0, none);
}

/*
 * Queues a torn copy to be read again. After the @last try, stores it anyway if its header is
 * valid, unless torn pools are dropped.
 */
static int take_torn(struct reader *reader, uint64_t address, const struct pool_header *header,
		     const uint64_t *live, bool last)
{
	if (!last) {
		reader->torn[reader->torn_cnt++] = address;
		return 0;
	}
	reader->counts->unresolved_spans++;
	return live && !reader->drops_torn ? store_pool(reader, address, header->szidx, 0, live)
					   : 0;
}

static int take_body(struct reader *reader, const struct memory_range *range, bool last)
{
	const struct geometry *geometry = &reader->geometry;
	uint64_t live[POOL_WORDS_MAX];
	struct pool_header header;

	memcpy(&header, range->buffer, sizeof(header));
	if (!header.count)
		return store_free_pool(reader, range->address);
	if (pool__decode(geometry, reader->heap->places, range->address, range->buffer, range->size,
			 live)) {
		compare_blocks(reader, range->address, &header, live);
		return store_pool(reader, range->address, header.szidx, stamp_of(reader, &header),
				  live);
	}
	return take_torn(reader, range->address, &header,
			 geometry__header_is_sane(geometry, &header) ? live : NULL, last);
}

/*
 * Copies the required parts of partly used pools, as many at a time as fit, and decodes each copy.
 */
static int read_bodies(struct reader *reader, bool last)
{
	size_t done = 0;

	while (done < reader->partial_cnt) {
		const struct pool_ref *refs = reader->partial + done;
		size_t used = 0, bytes = 0;
		int err;

		while (done + used < reader->partial_cnt && bytes + refs[used].size <= BODY_BYTES) {
			reader->ranges[used] = (struct memory_range){.address = refs[used].address,
								     .buffer = reader->body + bytes,
								     .size = refs[used].size};
			bytes += refs[used].size;
			used++;
		}
		err = memory__read_ranges(reader->memory, reader->ranges, used);
		for (size_t i = 0; i < used && !err; i++) {
			err = reader->ranges[i].failed
				      ? take_failed(reader, &reader->ranges[i])
				      : take_body(reader, &reader->ranges[i], last);
		}
		if (err)
			return err;
		done += used;
	}
	return 0;
}

/*
 * Handles what the header alone decides: free and full pools are finished; of all others the carved
 * part must be copied.
 */
static int take_header(struct reader *reader, uint64_t address, const struct pool_header *header,
		       bool due, bool last)
{
	const struct geometry *geometry = &reader->geometry;

	if (!header->count)
		return store_free_pool(reader, address);
	if (!geometry__header_is_sane(geometry, header))
		return take_torn(reader, address, header, NULL, last);
	if (is_known(reader, address, header, due))
		return 0;
	if (!is_same(reader, address, header)) {
		int err = note_change(reader, address);

		if (err)
			return err;
	}
	if (pool__is_full(geometry, header))
		return store_pool(reader, address, header->szidx, stamp_of(reader, header),
				  block_places__of_class(reader->heap->places,
							 (uint8_t)header->szidx));
	reader->partial[reader->partial_cnt++] =
		(struct pool_ref){.address = address, .size = pool__bytes_wanted(geometry, header)};
	return 0;
}

/*
 * Reads the pools at @addresses, first their headers, then their bodies. Lists the torn ones for a
 * retry, unless this is the @last one.
 */
static int read_pools(struct reader *reader, const uint64_t *addresses, size_t cnt, bool last)
{
	int err;

	for (size_t i = 0; i < cnt; i++)
		reader->ranges[i] = (struct memory_range){.address = addresses[i],
							  .buffer = &reader->headers[i],
							  .size = sizeof(reader->headers[i])};
	err = memory__read_ranges(reader->memory, reader->ranges, cnt);
	reader->partial_cnt = 0;
	reader->torn_cnt = 0;
	for (size_t i = 0; i < cnt && !err; i++) {
		err = reader->ranges[i].failed
			      ? take_failed(reader, &reader->ranges[i])
			      : take_header(reader, reader->ranges[i].address, &reader->headers[i],
					    reader->due[i], last);
	}
	return err ? err : read_bodies(reader, last);
}

static int read_batch(struct reader *reader)
{
	size_t cnt = reader->pool_cnt;
	int err;

	err = read_pools(reader, reader->pools, cnt, false);
	reader->counts->retried_spans += reader->torn_cnt;
	for (int try = 1; !err && reader->torn_cnt && try <= TORN_TRIES_MAX; try++) {
		size_t torn_cnt = reader->torn_cnt;

		sleep_ns(try * TORN_WAIT_NS);
		memcpy(reader->pools, reader->torn, torn_cnt * sizeof(*reader->torn));
		/* They are changing, so a header that looks unchanged proves nothing. */
		memset(reader->due, true, torn_cnt * sizeof(*reader->due));
		err = read_pools(reader, reader->pools, torn_cnt, try == TORN_TRIES_MAX);
	}
	reader->pool_cnt = 0;
	if (err)
		return err;
	reader->done_bytes += (uint64_t)cnt * reader->geometry.pool_size;
	if (reader->options && reader->options->progress)
		return reader->options->progress(reader->done_bytes, reader->total_bytes,
						 reader->options->context);
	return 0;
}

static int add_pool(struct reader *reader, uint64_t address, bool due)
{
	reader->due[reader->pool_cnt] = due;
	reader->pools[reader->pool_cnt++] = address;
	return reader->pool_cnt == BATCH_POOLS ? read_batch(reader) : 0;
}

/* Reads the carved pools of @arena, starting at @pool. One in SCRUB_READINGS of them is due. */
static int read_arena(struct reader *reader, const struct region *arena, uint64_t pool)
{
	const struct geometry *geometry = &reader->geometry;
	uint64_t turn = pool / geometry->pool_size + arena->readings;

	for (; pool < arena->carved_end; pool += geometry->pool_size) {
		int err = add_pool(reader, pool, turn++ % SCRUB_READINGS == 0);

		if (err)
			return err;
	}
	return 0;
}

/* Whether to skip @arena in this reading. @known: its state after the previous one. */
static bool is_spared(const struct reader *reader, const struct region *known,
		      const struct region *arena)
{
	return reader->options && reader->options->spare_calm &&
	       known->calm_readings >= CALM_READINGS && known->carved_end == arena->carved_end &&
	       (arena->address / arena->size + reader->heap->readings) % CALM_SHARE;
}

/* Arenas in which something changed are no longer calm. */
static void end_calm(struct reader *reader)
{
	for (size_t i = 0; i < reader->changed_cnt; i++) {
		struct region *arena = heap__region_around(reader->heap, reader->changed[i]);

		if (arena)
			arena->calm_readings = 0;
	}
	reader->changed_cnt = 0;
}

/*
 * Replaces the heap's arenas with @arenas (sorted; ownership moves here). Forgets the blocks of
 * arenas that are gone and reads the new parts; if @all, reads all arenas. *changed: whether any
 * arena appeared, grew or disappeared.
 */
static int update_arenas(struct reader *reader, struct region *arenas, size_t cnt, bool all,
			 bool *changed)
{
	struct heap *heap = reader->heap;
	const struct region *old = heap->regions;
	const struct region *old_end = heap->region_cnt ? old + heap->region_cnt : old;
	int err = 0;

	*changed = false;
	for (size_t i = 0; i <= cnt && !err; i++) {
		uint64_t address = i < cnt ? arenas[i].address : UINT64_MAX;
		uint64_t from = geometry__first_pool(&reader->geometry, address);
		const struct region *known = NULL;

		for (; old < old_end && old->address < address; old++) {
			heap__forget_blocks(heap, old);
			*changed = true;
		}
		if (i == cnt)
			break;
		if (old < old_end && old->address == address)
			known = old++;
		if (known) {
			arenas[i].generation = known->generation;
			arenas[i].readings = known->readings;
		}
		*changed |= !known || known->carved_end != arenas[i].carved_end;
		/*
		 * Carved pools never become uncarved, so this is another arena at the same address.
		 */
		if (known && known->carved_end > arenas[i].carved_end)
			heap__forget_blocks(heap, &arenas[i]);
		else if (known && !all)
			from = known->carved_end;
		if (known && known->carved_end == arenas[i].carved_end)
			arenas[i].calm_readings = known->calm_readings;
		if (all && known && is_spared(reader, known, &arenas[i])) {
			reader->counts->calm_spans +=
				(arenas[i].carved_end - from) / reader->geometry.pool_size;
			continue;
		}
		arenas[i].calm_readings += all && arenas[i].calm_readings < UINT32_MAX;
		arenas[i].readings += all;
		err = read_arena(reader, &arenas[i], from);
	}
	if (!err && reader->pool_cnt)
		err = read_batch(reader);
	account__free(heap->regions);
	heap->regions = arenas;
	heap->region_cnt = cnt;
	heap->region_capacity = cnt;
	end_calm(reader);
	return err;
}

int checkpoint__update(struct heap *heap, struct obmalloc *obmalloc, const struct memory *memory,
		       const struct checkpoint_options *options, struct checkpoint_counts *counts)
{
	_cleanup_(reader__freep) struct reader *reader = NULL;
	bool changed = true;
	int err;

	heap->readings++;
	err = reader__new(&reader, heap, memory, options, counts);
	for (int round = 0; round < ROUNDS_MAX && changed && !err; round++) {
		struct region *arenas;
		size_t cnt;

		err = obmalloc__read_arenas(obmalloc, memory, &arenas, &cnt,
					    &counts->skipped_interpreters);
		if (err)
			return err;
		err = heap__make_room(heap, arenas, cnt);
		if (err) {
			account__free(arenas);
			return err;
		}
		reader->total_bytes = (uint64_t)cnt * obmalloc->geometry.arena_size;
		err = update_arenas(reader, arenas, cnt, round == 0, &changed);
		changed |= round == 0;
	}
	return err;
}

int checkpoint__reread_pools(struct heap *heap, const struct memory *memory, const uint64_t *pools,
			     size_t cnt, struct checkpoint_counts *counts)
{
	_cleanup_(reader__freep) struct reader *reader = NULL;
	int err;

	err = reader__new(&reader, heap, memory, NULL, counts);
	if (err)
		return err;
	reader->drops_torn = true;
	for (size_t i = 0; i < cnt && !err; i++)
		if (heap__region_around(heap, pools[i]))
			err = add_pool(reader, pools[i], true);
	if (!err && reader->pool_cnt)
		err = read_batch(reader);
	return err;
}
