// SPDX-License-Identifier: BSD-2-Clause
#include "trace/allocation_sites.h"

#include <string.h>

#include "stacks/thread_walk.h"
#include "target/runtime_search.h"
#include "util/clock.h"
#include "util/log.h"

#define STACKS_BYTES_MAX (8UL << 20)
/* Of 24 bytes each, in a table that is at most half full. */
#define SAMPLES_MAX (1UL << 17)
/* When every block is recorded, the most blocks that there is room for. */
#define BLOCKS_MAX (1UL << 20)
/*
 * Reviewing all stacks delays events. Between reports, it is not repeated once it leaves less room
 * than this.
 */
#define ROOM_BYTES_MIN (STACKS_BYTES_MAX / 16)

void allocation_sites__release(struct allocation_sites *sites)
{
	site_ledger__free(sites->ledger);
	stack_table__free(sites->stacks);
	sites->ledger = NULL;
	sites->stacks = NULL;
}

static void forget_stack(uint64_t number, void *context)
{
	struct allocation_sites *sites = context;

	tracer__forget_stack(sites->tracer, number);
}

static void review_stacks(struct allocation_sites *sites)
{
	int err = stack_table__review(sites->stacks, forget_stack, sites);

	if (err)
		log_debug("cannot recheck stacks: %s", strerror(-err));
	sites->stacks_are_full = stack_table__room_bytes(sites->stacks) < ROOM_BYTES_MIN;
}

/*
 * Programs that keep creating and discarding code, for example with their interpreters, leave
 * behind stacks of code that is gone. A review makes room by dropping these.
 */
static void make_room(struct allocation_sites *sites)
{
	if (!sites->stacks_are_full && !stack_table__room_bytes(sites->stacks))
		review_stacks(sites);
}

static int take_stack(const struct pyfrag_stack *stack, void *context)
{
	struct allocation_sites *sites = context;

	make_room(sites);
	return stack_table__add(sites->stacks, stack);
}

static int take_event(const struct pyfrag_event *event, uint64_t stack_number, void *context)
{
	struct allocation_sites *sites = context;
	int err = site_ledger__apply(sites->ledger, event, stack_number);

	if (sites->config.sample_step != site_ledger__sample_step(sites->ledger)) {
		sites->config.sample_step = site_ledger__sample_step(sites->ledger);
		sites->config.sample_bytes = site_ledger__sample_bytes(sites->ledger);
		tracer__enable_stacks(sites->tracer, &sites->config);
	}
	return err;
}

static void note_gap(void *context)
{
	struct allocation_sites *sites = context;

	site_ledger__note_gap(sites->ledger);
}

static int make_tables(struct allocation_sites *sites, const struct heap_source *source,
		       const struct allocation_sites_options *options)
{
	const struct memory *memory = source->target->memory;
	const struct site_ledger_options ledger_options = {
		.layout = heap_source__main(source)->layout,
		.sample_bytes = options->sample_bytes,
		.keeps_blocks = options->keeps_blocks,
		.seed = clock_ns(CLOCK_MONOTONIC) << 1,
		.account = memory->account,
		.blocks_max = options->sample_bytes ? SAMPLES_MAX : BLOCKS_MAX,
	};
	int err =
		stack_table__new(&sites->stacks, &sites->runtime.offsets, memory, STACKS_BYTES_MAX);

	return err ? err : site_ledger__new(&sites->ledger, sites->stacks, &ledger_options);
}

int allocation_sites__prepare(struct allocation_sites *sites, struct tracer *tracer,
			      const struct heap_source *source,
			      const struct allocation_sites_options *options)
{
	const struct memory *memory = source->target->memory;
	const struct heap_layout *layout = &heap_source__main(source)->layout;
	struct failure failure;
	int err;

	sites->tracer = tracer;
	sites->max = options->max;
	err = runtime__find(&sites->runtime, source->python, memory, &failure);
	sites->has_runtime = !err;
	if (options->no_stacks && err != -ETIME)
		return 0;
	sites->config = (struct pyfrag_stacks){
		.alignment = layout->map.alignment,
		.pool_size = layout->span_size,
		.sample_bytes = options->sample_bytes,
		.walk = {.offsets = sites->runtime.offsets,
			 .interpreters_head = sites->runtime.interpreters_head,
			 .frame_bytes = py_offsets__frame_bytes(&sites->runtime.offsets),
			 .current_thread = sites->runtime.current_thread},
	};
	if (!err)
		err = thread_walk__check(&sites->config.walk, memory, &failure);
	if (err == -ETIME)
		return err;
	if (err) {
		log_note("process %d (%s): no stacks in the reports: %s", source->target->pid,
			 source->target->comm, failure.text);
		return 0;
	}
	err = make_tables(sites, source, options);
	if (!err)
		tracer__observe(tracer, &(struct tracer_observer){.event = take_event,
								  .stack = take_stack,
								  .growth_resumed = note_gap,
								  .context = sites});
	return err;
}

void allocation_sites__start(struct allocation_sites *sites)
{
	if (sites->ledger)
		tracer__enable_stacks(sites->tracer, &sites->config);
}

const struct runtime *allocation_sites__runtime(const struct allocation_sites *sites)
{
	return sites->has_runtime ? &sites->runtime : NULL;
}

static void add_counters(const struct allocation_sites *sites, struct counters *counters)
{
	const struct stack_table_counts *stacks = stack_table__counts(sites->stacks);
	const struct site_ledger_counts *ledger = site_ledger__counts(sites->ledger);

	counters__set(counters, COUNTER_FRAMES_UNNAMED, stacks->unnamed_frames);
	counters__set(counters, COUNTER_STACKS_RETIRED, stacks->retired_stacks);
	counters__set(counters, COUNTER_STACKS_UNKEPT, stacks->unkept_stacks);
	counters__set(counters, COUNTER_CODES_UNKEPT,
		      stack_table__code_counts(sites->stacks)->unkept);
	counters__set(counters, COUNTER_SITES_FORGOTTEN,
		      ledger->forgotten_blocks + ledger->forgotten_pools);
}

int allocation_sites__collect(struct allocation_sites *sites, const struct heap *heap,
			      const struct tracer_totals *totals, const struct findings *findings,
			      struct counters *counters, struct site_ranking *out)
{
	bool gap = counters__get(counters, COUNTER_LOST) != sites->lost_cnt ||
		   !totals->cost.growth_is_watched || !totals->sees.pool_frees;
	int err;

	review_stacks(sites);
	site_ledger__check(sites->ledger, heap, gap);
	if (totals->counts.abandoned_regions != sites->abandoned_arenas)
		site_ledger__forget_outside(sites->ledger, heap);
	sites->abandoned_arenas = totals->counts.abandoned_regions;
	sites->lost_cnt = counters__get(counters, COUNTER_LOST);
	err = site_ranking__collect(out, sites->ledger, sites->stacks, sites->max, heap,
				    &findings->measure, &findings->pinned);
	if (err)
		return err;
	out->sample_bytes = sites->config.sample_bytes;
	out->keeps_blocks = site_ledger__keeps_blocks(sites->ledger);
	site_ledger__begin_interval(sites->ledger);
	add_counters(sites, counters);
	return 0;
}
