// SPDX-License-Identifier: BSD-2-Clause
#include "source/heap_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "source/allocators.h"
#include "source/debug_hooks.h"
#include "target/shortage.h"
#include "util/cleanup.h"
#include "util/clock.h"

void heap_source__free(struct heap_source *source)
{
	if (!source)
		return;
	target_heaps__free(&source->heaps);
	python__free(source->python);
	target__free(source->target);
	account__close(source->account);
	free(source);
}

void heap_source__freep(struct heap_source **source)
{
	heap_source__free(*source);
}

static int find_heaps(struct heap_source *source, const struct allocator *const *wanted,
		      struct failure *failure)
{
	const struct heap_context context = {
		.target = source->target,
		.python = source->python,
	};

	struct failure before, other;
	int err = target_heaps__find(&source->heaps, wanted, &context, failure);

	if (err != -ENODATA || target_heaps__find(&source->heaps, allocators, &context, &other))
		return err;
	before = *failure;
	return failure__set(failure, err,
			    "%.900s; to read the heap as it is, use `pyfrag snapshot`",
			    before.text);
}

int heap_source__open(struct heap_source **out, const struct allocator *const *wanted,
		      struct target *target, uint64_t max_memory_bytes, struct account *total,
		      struct failure *failure)
{
	_cleanup_(target__freep) struct target *taken = target;
	_cleanup_(heap_source__freep) struct heap_source *source = NULL;
	int err;

	source = calloc(1, sizeof(*source));
	if (!source || account__new(&source->account, max_memory_bytes, total))
		return failure__set(failure, -ENOMEM, "out of memory");
	source->target = TAKE_PTR(taken);
	source->target->memory->account = source->account;
	err = python__find(&source->python, source->target, failure);
	if (!err)
		err = find_heaps(source, wanted, failure);
	if (err)
		return shortage__describe_swapped(source->target, err, failure);
	*out = TAKE_PTR(source);
	return 0;
}

int heap_source__add(struct heap_source *source, const struct allocator *const *wanted,
		     struct failure *failure)
{
	const struct heap_context context = {
		.target = source->target,
		.python = source->python,
	};
	int err = 0;

	for (size_t i = 0; wanted[i] && (!err || err == -ENODATA); i++)
		err = wanted[i]->locate(&source->heaps, &context, failure);
	return err == -ENODATA ? 0 : err;
}

void heap_source__drop_others(struct heap_source *source)
{
	struct target_heaps *heaps = &source->heaps;

	for (; heaps->cnt > 1; heaps->cnt--) {
		struct target_heap *last = heaps->items[heaps->cnt - 1];

		last->allocator->free(last);
	}
}

/* @failure has the allocator's description of @err; a more general cause overrides it. */
static int describe_read_error(const struct heap_source *source, int err, struct failure *failure)
{
	const struct target *target = source->target;

	if (!target__is_alive(target) || err == -ESRCH)
		return failure__set(failure, -ESRCH, "process %d (%s) has exited", target->pid,
				    target->comm);
	return account__is_short(err) ? shortage__describe(target, err, failure)
				      : shortage__describe_swapped(target, err, failure);
}

/* Pauses the target if that is wanted. */
static int begin_pause(const struct heap_source *source, const struct heap_reading_options *options,
		       struct failure *failure)
{
	return options->pause ? target__pause(source->target, failure) : 0;
}

/* Returns how long the pause was, in milliseconds. */
static double end_pause(const struct heap_source *source,
			const struct heap_reading_options *options)
{
	return options->pause ? (double)target__resume(source->target) / 1e6 : 0;
}

static void add_counts(const struct checkpoint_counts *counts, struct counters *counters)
{
	counters__add(counters, COUNTER_POOLS_RETRIED, counts->retried_spans);
	counters__add(counters, COUNTER_POOLS_UNRESOLVED, counts->unresolved_spans);
	counters__add(counters, COUNTER_POOLS_UNREADABLE, counts->unreadable_spans);
	counters__add(counters, COUNTER_POOLS_CORRECTED, counts->corrected_spans);
	counters__add(counters, COUNTER_INTERPRETERS_SKIPPED, counts->skipped_interpreters);
}

void heap_source__count_omissions(const struct heap_source *source, struct counters *counters)
{
	counters__set(counters, COUNTER_MEMORY_REFUSED, account__usage(source->account).refused);
	counters__set(counters, COUNTER_PAGES_SWAPPED,
		      memory__left_bytes(source->target->memory) / (uint64_t)sysconf(_SC_PAGESIZE));
}

/* Reads into @heap, which is created if it is NULL. */
static int read_heap(struct target_heap *target_heap, struct heap **heap,
		     const struct checkpoint_options *options, struct checkpoint_counts *counts,
		     struct failure *failure)
{
	struct account *account = target_heap->context.target->memory->account;
	int err = *heap ? 0 : heap__new(heap, &target_heap->layout, account);

	return err ? err
		   : target_heap->allocator->update(target_heap, *heap, options, counts, failure);
}

/* Reads the heaps after the first. A report does without one that cannot be read. */
static int read_others(struct heap_source *source, const struct heap_reading_options *options,
		       struct heap_reading *reading, struct failure *failure)
{
	struct checkpoint_options checkpoint = options->checkpoint;
	int err = 0;

	checkpoint.other = reading->heap;
	for (size_t i = 1; i < source->heaps.cnt && i < HEAPS_MAX && !err; i++) {
		err = read_heap(source->heaps.items[i], &reading->others[i], &checkpoint,
				&reading->counts, failure);
		if (!err || account__is_short(err) || err == -ETIME)
			continue;
		heap__free(TAKE_PTR(reading->others[i]));
		err = 0;
	}
	return err;
}

static int read_heaps(struct heap_source *source, const struct heap_reading_options *options,
		      struct heap_reading *reading, struct failure *failure)
{
	struct target_heap *main = source->heaps.items[0];
	int err = read_heap(main, &reading->heap, &options->checkpoint, &reading->counts, failure);

	if (!err && !main->name) {
		err = debug_hooks__settle(main, reading->heap);
		if (err)
			failure__set(failure, err, "process %d (%s): cannot read its heap: %s",
				     source->target->pid, source->target->comm, strerror(-err));
	}
	/* Read afterwards, to include interpreters that ended before their regions were read. */
	reading->ended_interpreters =
		python__ended_interpreters(source->python, source->target->memory);
	return err || !options->with_others ? err : read_others(source, options, reading, failure);
}

void heap_reading__release(struct heap_reading *reading)
{
	heap__free(TAKE_PTR(reading->heap));
	for (size_t i = 0; i < HEAPS_MAX; i++)
		heap__free(TAKE_PTR(reading->others[i]));
}

int heap_source__read(struct heap_source *source, const struct heap_reading_options *options,
		      struct heap_reading *reading, struct counters *counters,
		      struct failure *failure)
{
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
	bool is_first = !reading->heap;
	int err;

	memory__forget_left(source->target->memory);
	reading->counts = (struct checkpoint_counts){};
	err = begin_pause(source, options, failure);
	if (err)
		return err;
	err = read_heaps(source, options, reading, failure);
	reading->paused_ms = end_pause(source, options);
	if (err) {
		if (is_first)
			heap__free(TAKE_PTR(reading->heap));
		return describe_read_error(source, err, failure);
	}
	add_counts(&reading->counts, counters);
	heap_source__count_omissions(source, counters);
	reading->duration_ms = (double)(clock_ns(CLOCK_MONOTONIC) - start_ns) / 1e6;
	return 0;
}

int heap_source__read_others(struct heap_source *source, const struct heap_reading_options *options,
			     struct heap_reading *reading, struct failure *failure)
{
	int err = begin_pause(source, options, failure);

	if (err)
		return err;
	err = read_others(source, options, reading, failure);
	reading->paused_ms = end_pause(source, options);
	target__forget_maps(source->target);
	return err ? describe_read_error(source, err, failure) : 0;
}
