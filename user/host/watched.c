// SPDX-License-Identifier: BSD-2-Clause
#include "host/watched.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "host/cgroup_label.h"
#include "host/identity.h"
#include "target/resident.h"
#include "util/cleanup.h"
#include "util/clock.h"

/* So often in a row what sleeps is passed over. */
#define SLEPT_MAX 8

void watched_result__release(struct watched_result *result)
{
	findings__free(&result->findings);
	*result = (struct watched_result){};
}

void watched__free(struct watched *watched)
{
	if (!watched)
		return;
	watched_result__release(&watched->last);
	pinned_history__free(&watched->history);
	heap__free(watched->reading.heap);
	heap_source__free(watched->source);
	free(watched->app);
	free(watched->label);
	free(watched->user);
	free(watched);
}

void watched__freep(struct watched **watched)
{
	watched__free(*watched);
}

static char *read_user(pid_t pid)
{
	struct passwd entry, *found = NULL;
	char path[64], *name, text[4096];
	struct stat status;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &status))
		return strdup("?");
	if (!getpwuid_r(status.st_uid, &entry, text, sizeof(text), &found) && found)
		return strdup(entry.pw_name);
	return asprintf(&name, "%u", status.st_uid) < 0 ? NULL : name;
}

int watched__new(struct watched **out, pid_t pid, struct failure *failure)
{
	_cleanup_(watched__freep) struct watched *watched = calloc(1, sizeof(*watched));
	int err;

	if (!watched)
		return failure__set(failure, -ENOMEM, "out of memory");
	watched->pid = pid;
	err = heap_source__open(&watched->source, pid, failure);
	if (err)
		return err;
	watched->label = cgroup_label__of(watched->source->process->cgroup);
	watched->user = read_user(pid);
	watched->app =
		identity__app(watched->source->process->cmdline, watched->source->process->comm);
	if (!watched->label || !watched->user || !watched->app)
		return failure__set(failure, -ENOMEM, "out of memory");
	/* Hundreds of kilobytes of symbols, of each of hundreds of processes. */
	elf_file__forget(watched->source->python->module->elf);
	*out = TAKE_PTR(watched);
	return 0;
}

/* Pages that others have, too, are those that a fork has not copied yet. */
static int measure_shared(const struct watched *watched, struct watched_result *out)
{
	const struct heap *heap = watched->reading.heap;
	_cleanup_free_ struct resident_range *ranges = calloc(heap->arena_cnt + 1, sizeof(*ranges));

	if (!ranges)
		return -ENOMEM;
	for (size_t i = 0; i < heap->arena_cnt; i++)
		ranges[i] = (struct resident_range){.address = heap->arenas[i].address,
						    .size = heap->geometry.arena_size};
	out->knows_shared = !resident__measure_shared(watched->pid, ranges, heap->arena_cnt);
	for (size_t i = 0; i < heap->arena_cnt; i++)
		out->shared_bytes += ranges[i].resident_bytes;
	return 0;
}

static int read_heap(struct watched *watched, const struct watched_options *options,
		     struct watched_result *out)
{
	const struct heap_reading_options reading_options = {
		.checkpoint = {.max_memory_bytes = options->max_memory_bytes, .keep_stamps = true},
	};
	const struct findings_options findings_options = {
		.below = options->below,
		.blocks_per_arena_max = options->blocks_per_arena_max,
		.keeps_empty_arena = heap_source__keeps_empty_arena(watched->source),
	};
	int err = heap_source__read(watched->source, &reading_options, &watched->reading,
				    watched->counters, &out->failure);

	if (err)
		return err;
	out->duration_ms = watched->reading.duration_ms;
	err = findings__collect(&out->findings, watched->reading.heap, watched->source->process,
				&findings_options, &watched->history, clock_ns(CLOCK_MONOTONIC),
				watched->counters);
	if (!err && options->with_shared)
		err = measure_shared(watched, out);
	if (err)
		return failure__set(&out->failure, err, "out of memory");
	memcpy(out->counters, watched->counters, sizeof(out->counters));
	return 0;
}

/*
 * What sleeps is passed over, but not for ever: how much of it is in RAM, and what others share, changes without its
 * doing.
 */
static bool may_pass_over(struct watched *watched)
{
	bool slept = sleep_watch__has_slept(&watched->sleep_watch, watched->pid);

	if (!slept || !watched->reading.heap || watched->slept_cnt == SLEPT_MAX) {
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

	*out = (struct watched_result){.target_slept = may_pass_over(watched)};
	if (!out->target_slept)
		out->err = read_heap(watched, options, out);
	if (out->err) /* what is known of it may be of before, in part */
		watched->sleep_watch = (struct sleep_watch){};
	out->time_ns = clock_ns(CLOCK_MONOTONIC);
	out->taken_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
}

void watched__adopt(struct watched *watched, struct watched_result *result)
{
	watched->read_ns = result->time_ns;
	watched->error_cnt = result->err ? watched->error_cnt + 1 : 0;
	if (result->err) {
		watched_result__release(result);
		return;
	}
	watched->has_slept = result->target_slept;
	if (!result->target_slept) {
		watched_result__release(&watched->last);
		watched->last = *result;
		watched->has_last = true;
	}
	*result = (struct watched_result){};
	watched->samples[watched->sample_cnt++ % TREND_SAMPLES] = (struct trend_sample){
		.time_ns = watched->read_ns,
		.arena_bytes = watched->last.findings.measure.totals.arena_bytes,
	};
}

bool watched__is_alive(const struct watched *watched)
{
	return process__is_alive(watched->source->process);
}

double watched__growth_per_minute(const struct watched *watched)
{
	const struct trend_sample *last, *first;
	uint32_t cnt = watched->sample_cnt;

	if (cnt < 2)
		return 0;
	last = &watched->samples[(cnt - 1) % TREND_SAMPLES];
	first = &watched->samples[cnt < TREND_SAMPLES ? 0 : cnt % TREND_SAMPLES];
	return ((double)last->arena_bytes - (double)first->arena_bytes) /
	       ((double)(last->time_ns - first->time_ns) / 60e9);
}
