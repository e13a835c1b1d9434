// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever events arrive, in whatever order, a block or pool has the stack of its last
 * event, or none; and none once it is freed. If no event was missed and every allocation is
 * sampled, it has exactly that stack. Stacks keep their index and their names, and their memory is
 * bounded. Sums are finite and not negative, and the number of blocks is the number of known ones.
 *
 * Input: a byte that says how the ledger is made, then steps: a byte for the operation, and its
 * operands.
 */
#include <math.h>

#include "fuzz.h"

#include "fake_code.h"
#include "sample_heap.h"
#include "stacks/site_ledger.h"
#include "util/cleanup.h"

#define CODE	   0x7e0000010000UL
#define CODES	   8
#define NUMBERS	   64
#define PLACES	   1024 /* block addresses: 64 in each of 16 pools */
#define POOLS	   16
#define STEPS_MAX  1024
#define TABLE_MAX  8192UL
#define BELOW	   0.1
#define BLOCK_SIZE 64

struct world {
	struct fake_memory memory;
	struct stack_table *stacks;
	struct site_ledger *ledger;
	struct heap *heap;
	bool exact; /* every allocation is sampled and reported, no event was missed */
	uint32_t blocks[PLACES], pools[POOLS]; /* their stacks by the events; or unknown */
	bool known[PLACES];
};

static uint64_t block_at(uint32_t place)
{
	return SAMPLE_A + place / 64 * SAMPLE_POOL_BYTES + 48 + place % 64 * (BLOCK_SIZE - 16UL);
}

static void map_code(struct world *world, uint32_t index, int32_t line)
{
	const struct fake_code code = {"f", "f", "/srv/f.py", line, 0};
	uint64_t address = CODE + index * FAKE_CODE_BYTES;

	if (fake_memory__find(&world->memory, address, FAKE_CODE_BYTES))
		fake_code__rewrite(&world->memory, address, &code);
	else
		fake_code__map(&world->memory, address, &code);
}

static void tell_stack(struct world *world, struct fuzz_input *input)
{
	uint32_t before = stack_table__cnt(world->stacks), index;
	struct pyfrag_stack stack;
	uint64_t codes[4], number = fuzz_input__byte(input) % NUMBERS + 1;
	uint32_t cnt = fuzz_input__byte(input) % 5;

	for (uint32_t i = 0; i < cnt; i++)
		codes[i] = CODE + fuzz_input__byte(input) % (CODES + 1) * FAKE_CODE_BYTES;
	fake_code__make_stack(&stack, number, codes, cnt);
	CHECK(!stack_table__add(world->stacks, &stack));
	index = stack_table__find(world->stacks, number);
	CHECK(stack_table__cnt(world->stacks) <= before + 1);
	CHECK(index == STACK_UNKNOWN || index < stack_table__cnt(world->stacks));
	if (index != STACK_UNKNOWN && stack_table__cnt(world->stacks) > before)
		CHECK(stack_table__get(world->stacks, index).frame_cnt == cnt);
}

/* Returns the index of the event's stack. */
static uint32_t tell(struct world *world, uint8_t type, uint64_t address, uint8_t how)
{
	const struct pyfrag_event event = {
		.type = type,
		.size_class = SAMPLE_CLASS(BLOCK_SIZE),
		.flags = (how & 0x80 ? PYFRAG_EVENT_HAS_STACK : 0) |
			 (how & 0x40 ? PYFRAG_EVENT_SAMPLED : 0),
		.sample_step = (uint8_t)site_ledger__sample_step(world->ledger),
		.address = address,
	};
	uint64_t number = how & 0x80 ? how % NUMBERS : 0;

	CHECK(!site_ledger__apply(world->ledger, &event, number));
	return stack_table__find(world->stacks, number);
}

static void alloc(struct world *world, uint32_t place, uint8_t how, uint8_t type)
{
	uint32_t stack = tell(world, type, block_at(place), how);

	world->known[place] = how & 0x40 && site_ledger__keeps_blocks(world->ledger);
	world->blocks[place] = world->known[place] ? stack : STACK_UNKNOWN;
	if (type == EVENT_NEW_POOL)
		world->pools[place / 64] = stack;
	if (site_ledger__sample_step(world->ledger))
		world->exact = false;
}

static void forget(uint64_t number, void *context)
{
	(void)context;
	CHECK(number && number <= NUMBERS);
}

static void check_sums(struct world *world)
{
	_cleanup_account_free_ struct site_totals *totals = NULL;
	struct heap_measure measure;
	double blocks = 0;
	size_t known = 0;

	CHECK(!heap__measure(world->heap, &measure));
	CHECK(!site_ledger__sum(world->ledger, world->heap, &measure, BELOW, &totals));
	for (uint32_t i = 0; i <= stack_table__cnt(world->stacks); i++) {
		blocks += totals[i].live_blocks;
		CHECK(totals[i].live_blocks >= 0 && totals[i].hostage_bytes >= 0);
		CHECK(totals[i].pool_hostage_bytes >= 0 && totals[i].live_bytes_variance >= 0);
		CHECK(isfinite(site_totals__error_bytes(&totals[i])));
		CHECK(totals[i].pools_held <= POOLS &&
		      totals[i].interval_pools_taken <= totals[i].pools_taken);
	}
	for (uint32_t place = 0; place < PLACES; place++)
		known += world->known[place];
	if (world->exact)
		CHECK(blocks == (double)known);
	heap_measure__free(&measure);
}

static void check_places(const struct world *world)
{
	for (uint32_t place = 0; place < PLACES; place++) {
		uint32_t stack = site_ledger__block_stack(world->ledger, block_at(place));

		CHECK(stack == world->blocks[place] || (!world->exact && stack == STACK_UNKNOWN));
	}
	for (uint32_t pool = 0; pool < POOLS; pool++) {
		uint32_t stack =
			site_ledger__pool_stack(world->ledger, SAMPLE_A + pool * SAMPLE_POOL_BYTES);

		CHECK(stack == world->pools[pool] || (!world->exact && stack == STACK_UNKNOWN));
	}
}

static void step(struct world *world, struct fuzz_input *input)
{
	uint8_t what = fuzz_input__byte(input);
	uint16_t place;

	fuzz_input__take(input, &place, sizeof(place));
	place %= PLACES;
	switch (what % 10) {
	case 0:
		tell_stack(world, input);
		break;
	case 1:
	case 2:
		alloc(world, place, fuzz_input__byte(input), EVENT_ALLOC);
		break;
	case 3:
		tell(world, EVENT_FREE, block_at(place), 0);
		world->blocks[place] = STACK_UNKNOWN;
		world->known[place] = false;
		break;
	case 4:
		alloc(world, place / 64 * 64, fuzz_input__byte(input), EVENT_NEW_POOL);
		break;
	case 5:
		tell(world, EVENT_POOL_FREED, SAMPLE_A + place % POOLS * SAMPLE_POOL_BYTES, 0);
		world->pools[place % POOLS] = STACK_UNKNOWN;
		break;
	case 6:
		map_code(world, place % CODES, place >> 4);
		break;
	case 7:
		CHECK(!stack_table__review(world->stacks, forget, NULL));
		break;
	case 8:
		site_ledger__check(world->ledger, world->heap, what & 0x80);
		if (what & 0x80)
			world->exact = false;
		break;
	default:
		tell(world, EVENT_ARENA_MAP, place & 1 ? SAMPLE_A : 0, what);
		site_ledger__begin_interval(world->ledger);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	uint8_t how = fuzz_input__byte(&input);
	const struct site_ledger_options options = {
		.layout = pymalloc_layout__of(&sample_geometry),
		.sample_bytes = how & 1 ? 256 : 0,
		.keeps_blocks = how & 2,
		.blocks_max = how & 4 ? 16 : PLACES,
		.seed = how,
	};
	struct world world = {.exact = !(how & 1)};

	memset(world.blocks, 0xff, sizeof(world.blocks));
	memset(world.pools, 0xff, sizeof(world.pools));
	fake_memory__init(&world.memory);
	fake_code__map_type(&world.memory);
	for (uint32_t i = 0; i < CODES / 2; i++)
		map_code(&world, i, 1);
	CHECK(!stack_table__new(&world.stacks, &FAKE_OFFSETS, &world.memory.memory,
				how & 8 ? TABLE_MAX : 1UL << 20));
	CHECK(!site_ledger__new(&world.ledger, world.stacks, &options));
	world.heap = sample_heap__new();
	for (int i = 0; i < STEPS_MAX && input.size; i++)
		step(&world, &input);
	check_places(&world);
	check_sums(&world);
	heap__free(world.heap);
	site_ledger__free(world.ledger);
	stack_table__free(world.stacks);
	fake_memory__release(&world.memory);
	return 0;
}
