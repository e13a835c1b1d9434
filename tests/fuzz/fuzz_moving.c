// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: a process that moves its arenas all over its address space, between readings or during
 * them, makes pyfrag keep no more memory than its present arenas need. The account's limit is never
 * exceeded. A heap that is updated again and again takes about as much memory as a fresh reading of
 * the same arenas, and has the same content. A reading that is refused or given up leaves a heap
 * that can be updated again. At the end all memory is released.
 *
 * Input: a byte that chooses a geometry with small arenas, one for the account's limit; then steps
 * of 4 bytes: the operation, an argument, and an address.
 */
#include <errno.h>
#include <time.h>

#include "fuzz.h"

#include "fake_target.h"
#include "pymalloc/checkpoint.h"
#include "util/cleanup.h"

#define STEPS_MAX     48
#define ARENA_CNT_MAX 6
#define SPAN_BYTES    (64UL << 20) /* the unit in which the heap image groups arenas */
/* Spare room that may be kept: arrays grow by half. */
#define SLACK_BYTES (64UL << 10)

enum step_kind {
	STEP_GROW, /* until there is one more arena */
	STEP_DROP, /* an arena */
	STEP_MOVE, /* grow and drop */
	STEP_RUN,  /* allocates and frees blocks */
	STEP_READ,
	STEP_READ_MOVING, /* while the arenas move */
	STEP_CNT,
};

struct step {
	uint8_t kind, argument;
	uint16_t where;
};

struct world {
	struct fake_target target;
	struct obmalloc obmalloc;
	struct account *account;
	uint64_t limit_bytes;
	struct heap *heap;
	uint32_t reads_to_move; /* 0: nothing moves */
	uint16_t where;
	bool moved; /* during a reading */
};

/* Code that waits for a target here waits for nothing. */
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	(void)wanted;
	(void)left;
	return 0;
}

static bool overlaps(const struct fake_pymalloc *fake, uint64_t address)
{
	uint64_t size = fake->geometry.arena_size;

	for (size_t i = 0; i < fake->arena_cnt; i++)
		if (address + size > fake->arenas[i] && fake->arenas[i] + size > address)
			return true;
	return false;
}

/* Allocates until there is one more arena, at an address that @where chooses. */
static void grow(struct fake_pymalloc *fake, uint16_t where)
{
	uint64_t size = fake->geometry.arena_size, before = fake->arenas_mapped;
	uint64_t stride = where & 1 ? SPAN_BYTES : size;
	uint64_t address = fake->options.arenas_below - (1 + where / 2UL) * stride;

	if (fake->arena_cnt == ARENA_CNT_MAX)
		return;
	while (overlaps(fake, address + fake->options.arena_skew))
		address -= size;
	fake->hole_cnt = 0;
	fake->next_arena = address + size;
	while (fake->arenas_mapped == before)
		fake_pymalloc__alloc(fake, 512);
}

static void drop(struct fake_pymalloc *fake, uint8_t which)
{
	if (fake->arena_cnt)
		fake_pymalloc__free_arena(fake, fake->arenas[which % fake->arena_cnt]);
}

static void move_while_read(void *context, uint64_t address, size_t size)
{
	struct world *world = context;

	(void)address;
	(void)size;
	if (!world->reads_to_move || --world->reads_to_move)
		return;
	world->moved = true;
	drop(&world->target.pymalloc, (uint8_t)world->where);
	grow(&world->target.pymalloc, world->where);
}

static uint64_t used_bytes(const struct world *world)
{
	return account__usage(world->account).used_bytes;
}

static void check_totals(const struct heap *heap, const struct fake_pymalloc *fake)
{
	struct fake_totals truth = {};
	struct heap_measure measure;

	fake_pymalloc__add_totals(fake, &truth);
	CHECK(!heap__measure(heap, &measure));
	CHECK(measure.totals.regions == truth.arenas);
	CHECK(measure.totals.live_blocks == truth.live_blocks);
	CHECK(measure.totals.live_bytes == truth.live_bytes);
	CHECK(measure.totals.free_span_bytes == truth.free_pool_bytes);
	heap_measure__free(&measure);
}

/* The memory that a reading takes that starts from nothing. */
static uint64_t measure_fresh(struct world *world)
{
	const struct checkpoint_options options = {.keep_stamps = true};
	struct checkpoint_counts counts = {};
	struct account *account;
	struct heap *heap;
	uint64_t used;

	CHECK(!account__new(&account, UINT64_MAX, NULL));
	world->target.memory.memory.account = account;
	CHECK(!checkpoint__read(&heap, &world->obmalloc, &world->target.memory.memory, &options,
				&counts));
	world->target.memory.memory.account = world->account;
	used = account__usage(account).used_bytes;
	heap__free(heap);
	CHECK(!account__usage(account).used_bytes);
	account__close(account);
	return used;
}

static void read_heap(struct world *world, bool spare_calm)
{
	const struct checkpoint_options options = {.keep_stamps = true, .spare_calm = spare_calm};
	struct checkpoint_counts counts = {};
	int err = 0;

	if (!world->heap)
		err = heap__new(&world->heap, LAYOUT_OF(&world->obmalloc.geometry), world->account);
	if (!err)
		err = checkpoint__update(world->heap, &world->obmalloc,
					 &world->target.memory.memory, &options, &counts);
	CHECK(account__usage(world->account).peak_bytes <= world->limit_bytes);
	CHECK(!err || err == -EDQUOT || world->moved);
	CHECK(!err || err == -EDQUOT || err == -EAGAIN || err == -EUCLEAN || err == -E2BIG ||
	      err == -EFAULT);
	if (err == -EDQUOT) { /* as a tracer of a process does */
		heap__free(TAKE_PTR(world->heap));
		CHECK(!used_bytes(world));
		CHECK(account__usage(world->account).refused);
	}
	if (err || world->moved)
		return;
	if (!spare_calm)
		check_totals(world->heap, &world->target.pymalloc);
	CHECK(used_bytes(world) <= 2 * measure_fresh(world) + SLACK_BYTES);
}

static void read_moving(struct world *world, const struct step *step)
{
	world->reads_to_move = 1 + step->argument % 64;
	world->where = step->where;
	read_heap(world, false);
	world->reads_to_move = 0;
	world->moved = false;
	/* The next reading finds the present state. */
	read_heap(world, false);
}

static void take_step(struct world *world, const struct step *step)
{
	struct fake_pymalloc *fake = &world->target.pymalloc;

	switch (step->kind % STEP_CNT) {
	case STEP_GROW:
		grow(fake, step->where);
		break;
	case STEP_DROP:
		drop(fake, step->argument);
		break;
	case STEP_MOVE:
		drop(fake, step->argument);
		grow(fake, step->where);
		break;
	case STEP_RUN:
		for (uint32_t i = 0; i < step->argument; i++)
			fake_pymalloc__step(fake, 500);
		break;
	case STEP_READ:
		read_heap(world, step->argument & 1);
		break;
	default:
		read_moving(world, step);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	uint8_t geometry = fuzz_input__byte(&input), limit = fuzz_input__byte(&input);
	struct fake_options options =
		fake_target__options(&FAKE_GEOMETRIES[geometry % 2],
				     geometry & 16 ? FAKE_STATIC : FAKE_INLINED);
	struct world world = {.limit_bytes = limit ? limit * 2048UL : UINT64_MAX};

	options.arena_skew = geometry & 32 ? 4096 : 0;
	fake_target__init(&world.target, &options);
	grow(&world.target.pymalloc, 0);
	world.obmalloc = fake_target__locate(&world.target);
	CHECK(!account__new(&world.account, world.limit_bytes, NULL));
	world.target.memory.memory.account = world.account;
	world.target.memory.before_read = move_while_read;
	world.target.memory.context = &world;
	for (int i = 0; i < STEPS_MAX && input.size; i++) {
		struct step step;

		fuzz_input__take(&input, &step, sizeof(step));
		take_step(&world, &step);
	}
	read_heap(&world, false);
	heap__free(world.heap);
	CHECK(!used_bytes(&world));
	obmalloc__free(&world.obmalloc);
	account__close(world.account);
	fake_target__release(&world.target);
	return 0;
}
