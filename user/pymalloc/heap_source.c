// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/heap_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pymalloc/debug_hooks.h"
#include "target/shortage.h"
#include "util/cleanup.h"
#include "util/clock.h"

void heap_source__free(struct heap_source *source)
{
	if (!source)
		return;
	allocators__free(&source->allocators);
	python__free(source->python);
	target__free(source->target);
	account__close(source->account);
	free(source);
}

void heap_source__freep(struct heap_source **source)
{
	heap_source__free(*source);
}

static int describe_no_arenas(const struct heap_source *source, struct failure *failure)
{
	const struct target *target = source->target;
	_cleanup_free_ char *setting = target__environment(target, "PYTHONMALLOC");

	if (setting && strcmp(setting, "default") != 0)
		return failure__set(
			failure, -ENODATA,
			"process %d (%s): no pymalloc arenas: CPython %s was started with "
			"PYTHONMALLOC=%s; unset it to use pymalloc",
			target->pid, target->comm, source->python->version, setting);
	return failure__set(
		failure, -ENODATA,
		"process %d (%s): no pymalloc arenas: CPython %s does not allocate with "
		"pymalloc (another allocator, or it has not started up yet)",
		target->pid, target->comm, source->python->version);
}

static int locate_allocators(struct heap_source *source, struct failure *failure)
{
	_cleanup_(data_image__free) struct data_image data = {};
	const struct target *target = source->target;
	int err;

	if (source->python->free_threaded)
		return failure__set(
			failure, -ENODATA,
			"process %d (%s): no pymalloc arenas: CPython %s is a free-threaded "
			"build, which allocates with mimalloc",
			target->pid, target->comm, source->python->version);
	err = module__read_data(source->python->module, target->memory, &data);
	if (!err)
		err = allocators__locate(&source->allocators, &data, target, target->memory);
	switch (err) {
	case 0:
		return 0;
	case -ENODATA:
		return describe_no_arenas(source, failure);
	case -ENOENT:
		return failure__set(
			failure, -ENODATA,
			"process %d (%s): no pymalloc arenas: CPython %s was built without "
			"pymalloc, or its state is damaged",
			target->pid, target->comm, source->python->version);
	case -EDQUOT:
		return shortage__describe(target, err, failure);
	case -EAGAIN:
		return failure__set(
			failure, err,
			"process %d (%s): found pymalloc's pools, but no arenas that fit "
			"them; try again, or with --pause",
			target->pid, target->comm);
	default:
		return failure__set(failure, err, "process %d (%s): cannot read its memory: %s",
				    target->pid, target->comm, strerror(-err));
	}
}

int heap_source__open(struct heap_source **out, struct target *target, uint64_t max_memory_bytes,
		      struct account *total, struct failure *failure)
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
		err = locate_allocators(source, failure);
	if (err)
		return err;
	*out = TAKE_PTR(source);
	return 0;
}

static int describe_read_error(const struct heap_source *source, int err, struct failure *failure)
{
	const struct target *target = source->target;

	if (!target__is_alive(target) || err == -ESRCH)
		return failure__set(failure, -ESRCH, "process %d (%s) has exited", target->pid,
				    target->comm);
	if (account__is_short(err))
		return shortage__describe(target, err, failure);
	if (err == -EAGAIN || err == -EUCLEAN)
		return failure__set(
			failure, err,
			"process %d (%s): its table of arenas is inconsistent (damaged, or "
			"changing too fast); try again, or with --pause",
			target->pid, target->comm);
	if (err == -ELOOP)
		return failure__set(failure, err,
				    "process %d (%s): its list of interpreters is too long "
				    "(damaged); try again, or with --pause",
				    target->pid, target->comm);
	if (err == -E2BIG)
		return failure__set(failure, err, "process %d (%s): more than %u arenas",
				    target->pid, target->comm, ARENAS_MAX);
	return failure__set(failure, err, "process %d (%s): cannot read its heap: %s", target->pid,
			    target->comm, strerror(-err));
}

/* One checkpoint of all interpreters. */
static int read_heap(struct heap_source *source, const struct heap_reading_options *options,
		     struct heap_reading *reading)
{
	const struct memory *memory = source->target->memory;
	_cleanup_account_free_ uint64_t *interpreters = NULL;
	size_t cnt;
	int err;

	err = python__interpreters(source->python, memory, &interpreters, &cnt);
	if (!err)
		err = allocators__add_interpreters(&source->allocators, interpreters, cnt, memory);
	if (err)
		return err;
	if (reading->heap)
		err = checkpoint__update(reading->heap, &source->allocators, memory,
					 &options->checkpoint, &reading->counts);
	else
		err = checkpoint__read(&reading->heap, &source->allocators, memory,
				       &options->checkpoint, &reading->counts);
	/* Also those that ended before their arenas were read. */
	reading->ended_interpreters = python__ended_interpreters(source->python, memory);
	return err;
}

static int detect_allocator(struct heap_source *source, const struct heap *heap)
{
	bool debug_hooks;
	int err;

	err = debug_hooks__detect(heap, source->target->memory, &debug_hooks);
	if (err)
		return err;
	source->allocator_name = debug_hooks ? "pymalloc_debug" : "pymalloc";
	return 0;
}

static void add_counts(const struct checkpoint_counts *counts, struct counters *counters)
{
	counters__add(counters, COUNTER_POOLS_RETRIED, counts->retried_pools);
	counters__add(counters, COUNTER_POOLS_UNRESOLVED, counts->unresolved_pools);
	counters__add(counters, COUNTER_POOLS_UNREADABLE, counts->unreadable_pools);
	counters__add(counters, COUNTER_POOLS_CORRECTED, counts->corrected_pools);
	counters__add(counters, COUNTER_INTERPRETERS_SKIPPED, counts->skipped_interpreters);
}

void heap_source__count_refusals(const struct heap_source *source, struct counters *counters)
{
	counters__set(counters, COUNTER_MEMORY_REFUSED, account__usage(source->account).refused);
}

int heap_source__read(struct heap_source *source, const struct heap_reading_options *options,
		      struct heap_reading *reading, struct counters *counters,
		      struct failure *failure)
{
	bool is_first = !reading->heap;
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
	int err;

	reading->counts = (struct checkpoint_counts){};
	reading->paused_ms = 0;
	if (options->pause) {
		err = target__pause(source->target);
		if (err)
			return failure__set(failure, err, "process %d (%s): cannot pause it: %s%s",
					    source->target->pid, source->target->comm,
					    strerror(-err),
					    err == -EPERM ? " (is a debugger attached?)" : "");
	}
	err = read_heap(source, options, reading);
	if (options->pause)
		reading->paused_ms = (double)target__resume(source->target) / 1e6;
	if (!err && !source->allocator_name)
		err = detect_allocator(source, reading->heap);
	if (err) {
		if (is_first)
			heap__free(TAKE_PTR(reading->heap));
		return describe_read_error(source, err, failure);
	}
	add_counts(&reading->counts, counters);
	heap_source__count_refusals(source, counters);
	reading->duration_ms = (double)(clock_ns(CLOCK_MONOTONIC) - start_ns) / 1e6;
	return 0;
}

bool heap_source__keeps_empty_arena(const struct heap_source *source)
{
	return source->python->major == 3 && source->python->minor >= 9;
}
