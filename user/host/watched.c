// SPDX-License-Identifier: BSD-2-Clause
#include "host/watched.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "source/allocators.h"
#include "target/identity.h"
#include "target/live.h"
#include "target/reading_allowance.h"
#include "target/shortage.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* The delay before probing is tried again after a failure: the first one and the maximum. */
#define GROWTH_RETRY_NS	    (5 * 1000000000UL)
#define GROWTH_RETRY_NS_MAX (3600 * 1000000000UL)
/* How many times in a row a sleeping process is skipped. */
#define SLEPT_MAX 8

void watched_result__release(struct watched_result *result)
{
	findings__free(&result->findings);
	pin_summary__release(&result->pins);
	*result = (struct watched_result){};
}

void watched__free(struct watched *watched)
{
	if (!watched)
		return;
	growth_watch__stop(watched->growth);
	watched_result__release(&watched->last);
	pinned_history__free(&watched->history);
	memory_readings__release(&watched->memory_readings);
	heap__free(watched->reading.heap);
	heap_source__free(watched->source);
	identity__release(&watched->identity);
	free(watched);
}

void watched__freep(struct watched **watched)
{
	watched__free(*watched);
}

/* Charges memory that the kernel used for reading the process to its account. */
static int settle(const struct watched *watched, struct failure *failure)
{
	struct target *target = watched->source->target;
	int err = target__settle(target);

	return err ? shortage__describe(target, err, failure) : 0;
}

int watched__new(struct watched **out, pid_t pid, struct account *total, bool reads_swapped,
		 struct failure *failure)
{
	_cleanup_(watched__freep) struct watched *watched = calloc(1, sizeof(*watched));
	struct target *target;
	int err;

	if (!watched)
		return failure__set(failure, -ENOMEM, "out of memory");
	watched->pid = pid;
	watched->memory = (struct memory_figures)MEMORY_FIGURES_UNKNOWN;
	memory_readings__begin(&watched->memory_readings);
	err = live__open(&target, pid, failure);
	if (err)
		return err;
	target->memory->reads_swapped = reads_swapped;
	err = heap_source__open(&watched->source, followed_allocators, target,
				account__usage(total).limit_bytes, total, failure);
	if (err)
		return err;
	err = settle(watched, failure);
	if (err)
		return err;
	if (identity__find(&watched->identity, watched->source->target))
		return failure__set(failure, -ENOMEM, "out of memory");
	/*
	 * The symbols take hundreds of kilobytes, for each of hundreds of processes. Besides,
	 * watched__free() has no file to close then.
	 */
	module__close_file(watched->source->python->module);
	target__forget_maps(watched->source->target);
	*out = TAKE_PTR(watched);
	return 0;
}

/* Shared pages of arenas are those that neither process has written since a fork. */
static int measure_shared(const struct watched *watched, struct watched_result *out)
{
	const struct heap_measure *measure = &out->findings.measure;
	_cleanup_account_free_ struct resident_range *ranges =
		account__calloc(watched->source->account, measure->totals.regions + 1,
				sizeof(*ranges));

	if (!ranges)
		return -errno;
	for (size_t i = 0; i < measure->totals.regions; i++)
		ranges[i] = (struct resident_range){.address = measure->regions[i].address,
						    .size = measure->regions[i].size};
	out->knows_shared =
		!target__measure_shared(watched->source->target, ranges, measure->totals.regions);
	for (size_t i = 0; i < measure->totals.regions; i++)
		out->shared_bytes += ranges[i].resident_bytes;
	return 0;
}

/* Within the CPU time that a scan of the code may take. */
static int start_growth(struct watched *watched, const struct watched_options *options,
			struct failure *failure)
{
	struct heap_source *source = watched->source;
	struct module *module = source->python->module;
	int err = module__reopen_file(module);

	if (err)
		return failure__set(failure, err, "process %d: cannot open %s: %s", watched->pid,
				    module->path, strerror(-err));
	reading_allowance__begin_scan(module->fd, options->max_cpu_s);
	err = growth_watch__start(&watched->growth, source, options->probes_budget, failure);
	err = reading_allowance__end(watched->pid, err, failure);
	if (err)
		growth_watch__stop(TAKE_PTR(watched->growth));
	module__close_file(module);
	return err;
}

/* Starts or stops probing. The tracer, while there is one, keeps its own heap image. */
static void switch_growth(struct watched *watched, const struct watched_options *options)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	struct failure failure;
	int err;

	if (!options->with_growth && watched->growth)
		growth_watch__stop(TAKE_PTR(watched->growth));
	if (!options->with_growth || watched->growth ||
	    !backoff__may_try(&watched->growth_backoff, now_ns))
		return;
	heap__free(TAKE_PTR(watched->reading.heap));
	err = start_growth(watched, options, &failure);
	if (!err) {
		backoff__succeed(&watched->growth_backoff);
		return;
	}
	/* The cause may be a lack of memory or descriptors, which others may release. */
	backoff__fail(&watched->growth_backoff, GROWTH_RETRY_NS, GROWTH_RETRY_NS_MAX, now_ns);
	log_note("%s; allocation sites of this process are not reported%s", failure.text,
		 err == -EPIPE ? "" : "; pyfrag will try again");
}

static int read_through_tracer(struct watched *watched, const struct watched_options *options,
			       const struct heap_reading_options *reading_options,
			       struct watched_result *out)
{
	struct growth_reading reading = {.with_kinds = options->with_kinds,
					 .sites_max = options->sites};
	int err =
		growth_watch__read(watched->growth, reading_options, &options->findings,
				   &watched->history, &watched->counters, &reading, &out->failure);

	out->findings = reading.findings;
	out->pins = reading.pins;
	out->duration_ms = reading.duration_ms;
	return err;
}

static int read_memory(struct watched *watched, const struct watched_options *options,
		       const struct heap_reading_options *reading_options,
		       struct watched_result *out)
{
	struct failure failure;
	int err = heap_source__read(watched->source, reading_options, &watched->reading,
				    &watched->counters, &out->failure);

	if (err)
		return err;
	out->duration_ms = watched->reading.duration_ms;
	err = findings__collect(&out->findings, watched->reading.heap, watched->source->target,
				&options->findings, &watched->history, clock_ns(CLOCK_MONOTONIC),
				&watched->counters);
	if (err)
		return shortage__describe(watched->source->target, err, &out->failure);
	if (options->with_kinds &&
	    pin_summary__add_kinds(&out->pins, watched->source, watched->reading.heap,
				   &out->findings.pinned, &failure))
		log_debug("%s", failure.text);
	/* Up to tens of megabytes, which are read again each time. */
	target__forget_maps(watched->source->target);
	return 0;
}

/*
 * Reads all memory but the heap, of which @findings are the findings. The reading succeeds without
 * it.
 */
static void read_other_memory(struct watched *watched, const struct findings *findings,
			      struct watched_result *out)
{
	struct memory_readings *readings = &watched->memory_readings;
	uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	memory_readings__make(readings, watched->source, findings, &watched->counters);
	out->with_memory = true;
	out->memory = readings->figures;
	out->memory_taken_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
}

static int read_heap(struct watched *watched, const struct watched_options *options,
		     struct watched_result *out)
{
	const struct heap_reading_options reading_options = {
		.checkpoint = {.keep_stamps = true},
	};
	int err = watched->growth ? read_through_tracer(watched, options, &reading_options, out)
				  : read_memory(watched, options, &reading_options, out);

	if (err)
		return err;
	if (options->with_memory)
		read_other_memory(watched, &out->findings, out);
	if (options->with_shared)
		err = measure_shared(watched, out);
	if (err)
		return shortage__describe(watched->source->target, err, &out->failure);
	out->counters = watched->counters;
	return 0;
}

/*
 * Whether to skip a sleeping process. Not forever, because its resident and shared pages change
 * without its doing.
 */
static bool may_pass_over(struct watched *watched, const struct watched_options *options)
{
	bool slept = sleep_watch__has_slept(&watched->sleep_watch, watched->source->target);

	if (!slept || !watched->has_last || options->with_kinds || options->with_growth ||
	    watched->slept_cnt == SLEPT_MAX) {
		watched->slept_cnt = 0;
		return false;
	}
	watched->slept_cnt++;
	return true;
}

void watched__read(struct watched *watched, const struct watched_options *options,
		   struct watched_result *out)
{
	uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct failure failure;
	int err;

	switch_growth(watched, options);
	*out = (struct watched_result){.with_kinds = options->with_kinds,
				       .target_slept = may_pass_over(watched, options)};
	if (!out->target_slept || options->with_memory) {
		reading_allowance__begin(READING_HEAP, watched->pid, options->max_cpu_s);
		if (out->target_slept)
			read_other_memory(watched, &watched->last.findings, out);
		else
			out->err = read_heap(watched, options, out);
		err = settle(watched, &failure);
		if (err && !out->err) {
			out->err = err;
			out->failure = failure;
		}
		out->err = reading_allowance__end(watched->pid, out->err, &out->failure);
	}
	if (out->err) /* what is known may be partly outdated */
		watched->sleep_watch = (struct sleep_watch){};
	/* A process that is refused memory first gives up its own. */
	if (out->err == -EDQUOT)
		heap__free(TAKE_PTR(watched->reading.heap));
	out->time_ns = clock_ns(CLOCK_MONOTONIC);
	out->taken_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
	memory_readings__note_heap(&watched->memory_readings, out->taken_ns - out->memory_taken_ns);
}

uint64_t watched__used_bytes(const struct watched *watched)
{
	return account__usage(watched->source->account).used_bytes;
}

bool watched__forget(struct watched *watched)
{
	if (watched->reading.heap) {
		heap__free(TAKE_PTR(watched->reading.heap));
		return true;
	}
	if (!watched->has_last)
		return false;
	watched_result__release(&watched->last);
	pinned_history__free(&watched->history);
	watched->has_last = false;
	return true;
}

void watched__tend(struct watched *watched)
{
	int err = watched->growth ? growth_watch__tend(watched->growth) : 0;

	if (!err)
		return;
	if (err == -EPIPE)
		log_note("process %d: pyfrag-keeper, which managed its probes, was killed; pyfrag "
			 "inserts them again",
			 watched->pid);
	/* If it cannot be probed again, that is logged then. */
	growth_watch__stop(TAKE_PTR(watched->growth));
}

bool watched__is_memory_due(const struct watched *watched)
{
	return !watched->wants_kinds && memory_readings__is_due(&watched->memory_readings);
}

uint64_t watched__expected_ns(const struct watched *watched, bool with_memory)
{
	uint64_t memory_ns;

	if (watched->wants_growth && !watched->growth &&
	    backoff__may_try(&watched->growth_backoff, clock_ns(CLOCK_MONOTONIC)))
		return 0; /* its code will be scanned */
	if (watched->wants_kinds)
		return watched->kinds_taken_ns;
	if (!with_memory)
		return watched->taken_ns;
	memory_ns = memory_readings__expected_ns(&watched->memory_readings);
	return memory_ns ? watched->taken_ns + memory_ns : 0;
}

const char *watched__trouble(const struct watched *watched)
{
	switch (watched->err) {
	case 0:
		return NULL;
	case -EDQUOT:
		return "needs more memory than --max-memory allows";
	case -ETIME:
		return "exceeds the CPU time limit";
	default:
		return "reading failed (details with --verbose)";
	}
}

void watched__adopt(struct watched *watched, struct watched_result *result)
{
	watched->read_ns = result->time_ns;
	watched->err = result->err;
	if (!result->target_slept && !result->with_kinds)
		watched->taken_ns = result->taken_ns - result->memory_taken_ns;
	if (result->with_kinds) {
		watched->kinds_taken_ns = result->taken_ns;
		watched->wants_kinds = false;
		watched->kinds_ns = result->time_ns;
	}
	watched->refused_cnt = result->err == -EDQUOT ? watched->refused_cnt + 1 : 0;
	watched->overrun_cnt = result->err == -ETIME ? watched->overrun_cnt + 1 : 0;
	if (result->err != -EDQUOT && result->err != -ETIME)
		watched->error_cnt = result->err ? watched->error_cnt + 1 : 0;
	if (result->err) {
		watched_result__release(result);
		return;
	}
	if (result->with_memory) {
		watched->memory = result->memory;
		watched->memory_ns = result->time_ns;
	}
	watched->known_ns = result->time_ns;
	watched->has_slept = result->target_slept;
	if (!result->target_slept) {
		watched_result__release(&watched->last);
		watched->last = *result;
		watched->has_last = true;
	}
	*result = (struct watched_result){};
	growth__add(&watched->trend, watched->read_ns,
		    watched->last.findings.measure.totals.region_bytes);
}

process_owner watched__owner(const struct watched *watched)
{
	return watched->source->target->owner;
}

bool watched__is_alive(const struct watched *watched)
{
	return target__is_alive(watched->source->target);
}
