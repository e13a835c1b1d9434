// SPDX-License-Identifier: BSD-2-Clause
#include "probes/heap_follower.h"

#include <errno.h>
#include <string.h>

#include "probes/drift.h"
#include "target/shortage.h"
#include "util/cleanup.h"

void heap_follower__init(struct heap_follower *follower, bool follows_blocks)
{
	*follower = (struct heap_follower){.follows_blocks = follows_blocks, .turns.due_cnt = 1};
}

void heap_follower__release(struct heap_follower *follower)
{
	model__free(TAKE_PTR(follower->model));
	event_backlog__release(&follower->backlog);
}

int heap_follower__apply(struct heap_follower *follower, const struct pyfrag_event *event)
{
	if (follower->model)
		return model__apply(follower->model, event);
	event_backlog__keep(&follower->backlog, event);
	return 0;
}

int heap_follower__begin(struct heap_follower *follower, struct heap_source *source,
			 bool from_first_allocation)
{
	int err;

	event_stream__lock(follower->stream);
	follower->source = source;
	err = model__new(&follower->model, &heap_source__main(source)->layout,
			 follower->follows_blocks, source->account);
	if (!err)
		err = event_backlog__replay(&follower->backlog, follower->model);
	follower->has_baseline = from_first_allocation && !follower->backlog.dropped_cnt;
	event_stream__unlock(follower->stream);
	return err;
}

static int describe_checkpoint(const struct heap_follower *follower, int err,
			       struct failure *failure)
{
	if (account__is_short(err))
		return shortage__describe(follower->source->target, err, failure);
	return failure__set(failure, err, "process %d: cannot read its heap: %s",
			    follower->source->target->pid, strerror(-err));
}

static bool is_mapped(uint64_t address, void *context)
{
	const struct heap_follower *follower = context;
	uint64_t word;
	struct memory_range range = {.address = address, .buffer = &word, .size = sizeof(word)};

	return !memory__read_ranges(follower->source->target->memory, &range, 1) &&
	       (!range.failed || range.is_swapped);
}

/*
 * Arenas that are in no table. If not all interpreters could be read, they may belong to one that
 * could not, or it is unknown how many have ended: then their number seems to have fallen.
 * Otherwise their interpreter has ended: while it is in the list, its table lists them.
 *
 * An arena that was mapped during this reading, by an interpreter that also ended during it, cannot
 * be recognized as abandoned before the next reading. So the check is repeated then.
 */
static int account_for_missing(struct heap_follower *follower, const struct heap_reading *reading)
{
	uint64_t *ended = follower->ended_interpreters;
	int err = 0;

	event_stream__lock(follower->stream);
	if (reading->counts.skipped_interpreters || reading->ended_interpreters < ended[0]) {
		err = model__keep_regions(follower->model, reading->heap, is_mapped, follower);
	} else {
		if (reading->ended_interpreters > ended[1])
			model__abandon_regions(follower->model, reading->heap, is_mapped, follower);
		ended[1] = ended[0];
		ended[0] = reading->ended_interpreters;
	}
	event_stream__unlock(follower->stream);
	return err;
}

/*
 * Differences that the first checkpoint finds are not drift, and events that contradict the model
 * before it do not mean that others were missed.
 */
static void forget_differences(struct heap_follower *follower)
{
	follower->model->counts.missed_allocs = 0;
	follower->model->counts.missed_frees = 0;
	follower->has_baseline = true;
}

static int adopt(struct heap_follower *follower, struct heap *fresh, uint64_t drift_blocks)
{
	int err;

	event_stream__lock(follower->stream);
	err = model__adopt(follower->model, fresh, drift_blocks);
	if (!err && !follower->has_baseline)
		forget_differences(follower);
	if (!err)
		err = follower->event_err;
	event_stream__unlock(follower->stream);
	return err;
}

static int compare_and_adopt(struct heap_follower *follower, struct heap_reading *reading,
			     struct counters *counters)
{
	struct drift drift = {.stream = follower->stream,
			      .model = follower->model,
			      .target_heap = heap_source__main(follower->source)};
	int err;

	drift__await_stragglers(follower->stream);
	err = account_for_missing(follower, reading);
	if (!err && follower->has_baseline)
		err = drift__confirm(&drift, reading->heap);
	else if (!err)
		drift__await_threads(follower->stream, follower->source->target);
	follower->unconfirmed_cnt += drift.unconfirmed_blocks;
	if (!err)
		err = adopt(follower, TAKE_PTR(reading->heap), drift.blocks);
	if (err)
		return err;
	counters__add(counters, COUNTER_POOLS_RETRIED, drift.counts.retried_spans);
	counters__add(counters, COUNTER_POOLS_UNRESOLVED, drift.counts.unresolved_spans);
	return 0;
}

/* Whether events were lost since the last call. */
static bool has_lost_some(struct heap_follower *follower)
{
	struct counters counters = {};
	uint64_t before = follower->lost_cnt;

	probe_set__read_counters(follower->probes, &counters);
	follower->lost_cnt = counters__get(&counters, COUNTER_LOST) + follower->backlog.dropped_cnt;
	return follower->lost_cnt != before;
}

/* Reads the heap, compares it with the model, and updates the model from both. */
static int take_fresh(struct heap_follower *follower, const struct heap_reading_options *options,
		      struct heap_reading *out, struct counters *counters, struct failure *failure)
{
	bool lost_some;
	int err;

	event_stream__drain(follower->stream);
	lost_some = has_lost_some(follower);
	event_stream__lock(follower->stream);
	err = model__begin_checkpoint(follower->model, lost_some);
	event_stream__unlock(follower->stream);
	if (err)
		return describe_checkpoint(follower, err, failure);
	/*
	 * The first checkpoint is compared with nothing, so no change may be on its way: from the
	 * events before it to memory, and after it from memory to the events.
	 */
	if (!follower->has_baseline)
		drift__await_threads(follower->stream, follower->source->target);
	err = heap_source__read(follower->source, options, out, counters, failure);
	if (err)
		return err;
	err = compare_and_adopt(follower, out, counters);
	if (err) {
		heap__free(TAKE_PTR(out->heap));
		return describe_checkpoint(follower, err, failure);
	}
	return 0;
}

/*
 * A reading passes over all but one in CALM_SHARE of the calm arenas. All arenas have been read
 * once CALM_SHARE - 1 more readings have followed, which are due even if the target sleeps.
 */
static void note_reading(struct reading_turns *turns, const struct heap_reading *reading,
			 bool slept)
{
	if (!reading->counts.calm_spans)
		turns->due_cnt = 0;
	else if (slept)
		turns->due_cnt--;
	else
		turns->due_cnt = CALM_SHARE - 1;
}

/* Returns the heap to the model, which then applies what happened to arenas in the meantime. */
static int return_heap(struct heap_follower *follower, struct heap *heap)
{
	int err;

	event_stream__drain(follower->stream);
	event_stream__lock(follower->stream);
	err = model__return_heap(follower->model, heap);
	if (!err)
		err = follower->event_err;
	event_stream__unlock(follower->stream);
	return err;
}

/* Without events for blocks the model's heap comes from memory alone, and only changes are read. */
static int bring_up_to_date(struct heap_follower *follower,
			    const struct heap_reading_options *options, struct heap_reading *out,
			    struct counters *counters, struct failure *failure)
{
	struct reading_turns *turns = &follower->turns;
	struct heap_reading_options stamped = *options;
	bool slept = sleep_watch__has_slept(&turns->sleep_watch, follower->source->target);
	int err, return_err;

	*out = (struct heap_reading){.target_slept = slept && !turns->due_cnt};
	if (out->target_slept)
		return 0;
	stamped.checkpoint.keep_stamps = true;
	event_stream__lock(follower->stream);
	out->heap = model__lend_heap(follower->model);
	event_stream__unlock(follower->stream);
	err = heap_source__read(follower->source, &stamped, out, counters, failure);
	return_err = return_heap(follower, TAKE_PTR(out->heap));
	if (!err && !return_err)
		note_reading(turns, out, slept);
	else
		turns->due_cnt = 1;
	return err ? err : return_err ? describe_checkpoint(follower, return_err, failure) : 0;
}

int heap_follower__checkpoint(struct heap_follower *follower,
			      const struct heap_reading_options *options, struct heap_reading *out,
			      struct counters *counters, struct failure *failure)
{
	return follower->follows_blocks
		       ? take_fresh(follower, options, out, counters, failure)
		       : bring_up_to_date(follower, options, out, counters, failure);
}

void heap_follower__read_counters(const struct heap_follower *follower, struct counters *counters)
{
	counters__add(counters, COUNTER_LOST, follower->backlog.dropped_cnt);
	counters__set(counters, COUNTER_DRIFT_UNCONFIRMED, follower->unconfirmed_cnt);
	if (follower->model) {
		const struct model_counts *counts = &follower->model->counts;

		counters__set(counters, COUNTER_EVENTS_UNPLACED, counts->unplaced_events);
		counters__set(counters, COUNTER_ARENAS_ABANDONED, counts->abandoned_regions);
	}
	if (follower->source)
		heap_source__count_omissions(follower->source, counters);
}
