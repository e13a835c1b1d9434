// SPDX-License-Identifier: BSD-2-Clause
#include "stacks/site_ledger.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "util/account.h"
#include "util/cleanup.h"
#include "util/hash_map.h"

/* After this many steps, the sampling interval is larger than any heap. */
#define STEPS_MAX 30
/* If every allocation was sampled, the first step is to twice this. */
#define SAMPLE_BYTES_MIN 32UL

/* 95 % of a normal distribution is within this many standard deviations. */
#define SIGMAS_95 1.96

/* What is known of a block that was sampled, or of a pool whose allocation was recorded. */
struct record {
	uint64_t address;
	uint64_t stamp; /* of the pool, when it was last checked (block_map__stamp()); 0: never */
	uint32_t stack; /* index in the stack table */
	union {
		struct {
			uint16_t size; /* of the block, bytes */
			uint16_t step; /* of the sampling interval, when the block was sampled */
		};
		uint32_t era; /* of the ledger, when the pool was recorded or last checked */
	};
};

/* What was allocated at one stack. */
struct growth {
	uint64_t pools, arenas, interval_pools, interval_arenas;
};

struct site_ledger {
	struct site_ledger_options options;
	struct stack_table *stacks;
	struct hash_map blocks, pools; /* of struct record, by address */
	struct growth *growth;	       /* by stack index */
	size_t growth_cnt, growth_capacity;
	struct growth unknown_growth;
	uint32_t era;  /* gaps so far */
	uint16_t step; /* how often the sampling interval was doubled */
	uint64_t random;
	struct site_ledger_counts counts;
};

int site_ledger__new(struct site_ledger **out, struct stack_table *stacks,
		     const struct site_ledger_options *options)
{
	struct site_ledger *ledger = calloc(1, sizeof(*ledger));

	if (!ledger)
		return -ENOMEM;
	ledger->options = *options;
	ledger->stacks = stacks;
	ledger->blocks = ledger->pools = (struct hash_map){.entry_bytes = sizeof(struct record),
							   .account = options->account};
	ledger->random = (options->seed | 1) * 0x9e3779b97f4a7c15ULL; /* never 0 */
	*out = ledger;
	return 0;
}

void site_ledger__free(struct site_ledger *ledger)
{
	if (!ledger)
		return;
	hash_map__release(&ledger->blocks);
	hash_map__release(&ledger->pools);
	account__free(ledger->growth);
	free(ledger);
}

static int find_growth(struct site_ledger *ledger, uint32_t stack, struct growth **out)
{
	int err;

	*out = &ledger->unknown_growth;
	if (stack == STACK_UNKNOWN)
		return 0;
	err = ACCOUNT_RESERVE(ledger->options.account, ledger->growth, ledger->growth_capacity,
			      (size_t)stack + 1);
	if (err)
		return err == -EDQUOT ? 0 : err;
	while (ledger->growth_cnt <= stack)
		ledger->growth[ledger->growth_cnt++] = (struct growth){};
	*out = &ledger->growth[stack];
	return 0;
}

static void forget(struct hash_map *map, uint64_t address)
{
	struct record *record = hash_map__find(map, address);

	if (record)
		hash_map__remove(map, record);
}

static uint64_t sample_bytes_at(const struct site_ledger *ledger, uint32_t step)
{
	if (!ledger->options.sample_bytes)
		return step ? SAMPLE_BYTES_MIN << step : 0;
	return ledger->options.sample_bytes << step;
}

/* The probability that a block of @size bytes is sampled. */
static double probability_of(const struct site_ledger *ledger, uint32_t size, uint32_t step)
{
	uint64_t mean = sample_bytes_at(ledger, step);

	return mean ? -expm1(-(double)size / (double)mean) : 1;
}

/* Uniform in [0, 1) (Marsaglia's xorshift). */
static double draw(struct site_ledger *ledger)
{
	ledger->random ^= ledger->random << 13;
	ledger->random ^= ledger->random >> 7;
	ledger->random ^= ledger->random << 17;
	return (double)(ledger->random >> 11) * 0x1p-53;
}

/*
 * Whether @record would also have been sampled at the current interval; if so, it is kept as if it
 * had been.
 */
static bool stays(void *entry, void *context)
{
	struct record *record = entry;
	struct site_ledger *ledger = context;
	double before = probability_of(ledger, record->size, record->step);

	if (record->step >= ledger->step)
		return true;
	if (draw(ledger) * before >= probability_of(ledger, record->size, ledger->step))
		return false;
	record->step = ledger->step;
	return true;
}

/* Doubles the sampling interval, and thins out the samples as if it had been that long before. */
static void double_sample_bytes(struct site_ledger *ledger)
{
	ledger->step++;
	hash_map__filter(&ledger->blocks, stays, ledger);
}

/*
 * Stores @record. One that cannot be stored counts as forgotten: the account has no room for it, or
 * its address is 0.
 */
static int put(struct hash_map *map, const struct record *record, uint64_t *forgotten_cnt)
{
	struct record *added = hash_map__add(map, record->address);

	if (!added && errno == ENOMEM)
		return -ENOMEM;
	if (added)
		*added = *record;
	else
		++*forgotten_cnt;
	return 0;
}

static int apply_alloc(struct site_ledger *ledger, const struct pyfrag_event *event, uint32_t stack)
{
	const struct record record = {
		.address = event->address,
		.stack = stack,
		.size = (uint16_t)heap_layout__block_size(&ledger->options.layout,
							  event->size_class),
		.step = event->sample_step,
	};
	if (!ledger->options.keeps_blocks)
		return 0;
	forget(&ledger->blocks, event->address);
	if (!(event->flags & PYFRAG_EVENT_SAMPLED))
		return 0;
	if (ledger->blocks.cnt >= ledger->options.blocks_max && ledger->step < STEPS_MAX)
		double_sample_bytes(ledger);
	return put(&ledger->blocks, &record, &ledger->counts.forgotten_blocks);
}

static int apply_new_pool(struct site_ledger *ledger, const struct pyfrag_event *event,
			  uint32_t stack)
{
	const struct record record = {
		.address = heap_layout__span_start(&ledger->options.layout, event->address),
		.stack = stack,
		.era = ledger->era,
	};
	struct growth *growth;
	int err = find_growth(ledger, stack, &growth);

	if (err)
		return err;
	growth->pools++;
	growth->interval_pools++;
	err = put(&ledger->pools, &record, &ledger->counts.forgotten_pools);
	return err ? err : apply_alloc(ledger, event, stack);
}

static int apply_arena_map(struct site_ledger *ledger, const struct pyfrag_event *event,
			   uint32_t stack)
{
	struct growth *growth;
	int err = event->address ? find_growth(ledger, stack, &growth) : 0;

	if (err || !event->address)
		return err;
	growth->arenas++;
	growth->interval_arenas++;
	return 0;
}

int site_ledger__apply(struct site_ledger *ledger, const struct pyfrag_event *event,
		       uint64_t stack_number)
{
	uint32_t stack = stack_table__find(ledger->stacks, stack_number);

	switch (event->type) {
	case EVENT_ALLOC:
		return apply_alloc(ledger, event, stack);
	case EVENT_FREE:
		forget(&ledger->blocks, event->address);
		return 0;
	case EVENT_NEW_POOL:
		return apply_new_pool(ledger, event, stack);
	case EVENT_POOL_FREED:
		forget(&ledger->pools, event->address);
		return 0;
	case EVENT_ARENA_MAP:
		return apply_arena_map(ledger, event, stack);
	default:
		return 0;
	}
}

void site_ledger__begin_interval(struct site_ledger *ledger)
{
	for (size_t i = 0; i <= ledger->growth_cnt; i++) {
		struct growth *growth =
			i < ledger->growth_cnt ? &ledger->growth[i] : &ledger->unknown_growth;

		growth->interval_pools = growth->interval_arenas = 0;
	}
}

/* The context of is_certain(): what a checkpoint has read of the pools. */
struct pool_check {
	const struct site_ledger *ledger;
	const struct heap *heap;
};

/*
 * False if there was a gap since the pool was recorded or last checked, and the pool may have
 * changed.
 */
static bool is_certain(void *entry, void *context)
{
	struct record *record = entry;
	const struct pool_check *check = context;
	uint64_t stamp = block_map__stamp(check->heap->blocks, record->address);

	if (record->era != check->ledger->era && (!record->stamp || record->stamp != stamp))
		return false;
	record->stamp = stamp;
	record->era = check->ledger->era;
	return true;
}

void site_ledger__note_gap(struct site_ledger *ledger)
{
	ledger->era++;
	ledger->counts.forgotten_blocks += ledger->blocks.cnt;
	hash_map__release(&ledger->blocks);
}

void site_ledger__check(struct site_ledger *ledger, const struct heap *heap, bool gap)
{
	struct pool_check check = {.ledger = ledger, .heap = heap};

	if (gap)
		site_ledger__note_gap(ledger);
	ledger->counts.forgotten_pools += hash_map__filter(&ledger->pools, is_certain, &check);
}

static bool is_in_an_arena(void *entry, void *context)
{
	const struct record *record = entry;

	return heap__region_around(context, record->address);
}

void site_ledger__forget_outside(struct site_ledger *ledger, const struct heap *heap)
{
	hash_map__filter(&ledger->blocks, is_in_an_arena, (void *)(uintptr_t)heap);
	hash_map__filter(&ledger->pools, is_in_an_arena, (void *)(uintptr_t)heap);
}

uint64_t site_ledger__sample_bytes(const struct site_ledger *ledger)
{
	return sample_bytes_at(ledger, ledger->step);
}

uint32_t site_ledger__sample_step(const struct site_ledger *ledger)
{
	return ledger->step;
}

bool site_ledger__keeps_blocks(const struct site_ledger *ledger)
{
	return ledger->options.keeps_blocks;
}

uint32_t site_ledger__block_stack(const struct site_ledger *ledger, uint64_t block)
{
	const struct record *record = hash_map__find(&ledger->blocks, block);

	return record ? record->stack : STACK_UNKNOWN;
}

uint32_t site_ledger__pool_stack(const struct site_ledger *ledger, uint64_t pool)
{
	const struct record *record = hash_map__find(&ledger->pools, pool);

	return record ? record->stack : STACK_UNKNOWN;
}

/* Adds up the totals by stack; the last ones are for unknown stacks. */
struct sums {
	const struct site_ledger *ledger;
	const struct heap *heap;
	const struct heap_measure *measure;
	double below;
	struct site_totals *totals;
	uint32_t stack_cnt;
};

static struct site_totals *totals_of(const struct sums *sums, uint32_t stack)
{
	return &sums->totals[stack < sums->stack_cnt ? stack : sums->stack_cnt];
}

/* The arena that contains @address if it is pinned, else NULL. */
static const struct region_totals *pinned_around(const struct sums *sums, uint64_t address)
{
	const struct region *region = heap__region_around(sums->heap, address);
	const struct region_totals *totals;

	if (!region)
		return NULL;
	totals = &sums->measure->regions[region - sums->heap->regions];
	return pinned__is_pinned(totals, sums->below) ? totals : NULL;
}

static double hostage_bytes_a_block(const struct region_totals *arena)
{
	return (double)(arena->size - arena->live_bytes) / arena->live_blocks;
}

static void add_block(const struct sums *sums, const struct record *record)
{
	double probability = probability_of(sums->ledger, record->size, record->step);
	struct site_totals *totals = totals_of(sums, record->stack);
	const struct region_totals *arena = pinned_around(sums, record->address);
	double bytes = record->size / probability;

	totals->live_blocks += 1 / probability;
	totals->live_bytes += bytes;
	totals->live_bytes_variance += bytes * bytes * (1 - probability);
	if (!arena)
		return;
	totals->pinning_blocks += 1 / probability;
	totals->hostage_bytes += hostage_bytes_a_block(arena) / probability;
}

static void add_pool(const struct sums *sums, const struct record *record)
{
	struct site_totals *totals = totals_of(sums, record->stack);
	const struct region_totals *arena = pinned_around(sums, record->address);
	struct span span;

	totals->pools_held++;
	if (!arena)
		return;
	heap__span_at(sums->heap, record->address, &span);
	totals->pool_hostage_bytes += hostage_bytes_a_block(arena) *
				      block_map__count(sums->heap->blocks, span.address, span.size);
}

static void add_growth(struct site_totals *totals, const struct growth *growth)
{
	totals->pools_taken = growth->pools;
	totals->arenas_taken = growth->arenas;
	totals->interval_pools_taken = growth->interval_pools;
	totals->interval_arenas_taken = growth->interval_arenas;
}

double site_totals__error_bytes(const struct site_totals *totals)
{
	return SIGMAS_95 * sqrt(totals->live_bytes_variance);
}

int site_ledger__sum(const struct site_ledger *ledger, const struct heap *heap,
		     const struct heap_measure *measure, double below, struct site_totals **out)
{
	struct sums sums = {.ledger = ledger,
			    .heap = heap,
			    .measure = measure,
			    .below = below,
			    .stack_cnt = stack_table__cnt(ledger->stacks)};
	const struct record *record;

	sums.totals =
		account__calloc(heap->account, (size_t)sums.stack_cnt + 1, sizeof(*sums.totals));
	if (!sums.totals)
		return -errno;
	for (record = NULL; (record = hash_map__next(&ledger->blocks, record));)
		add_block(&sums, record);
	for (record = NULL; (record = hash_map__next(&ledger->pools, record));)
		add_pool(&sums, record);
	for (uint32_t i = 0; i < ledger->growth_cnt; i++)
		add_growth(&sums.totals[i], &ledger->growth[i]);
	add_growth(&sums.totals[sums.stack_cnt], &ledger->unknown_growth);
	*out = sums.totals;
	return 0;
}

const struct site_ledger_counts *site_ledger__counts(const struct site_ledger *ledger)
{
	return &ledger->counts;
}
