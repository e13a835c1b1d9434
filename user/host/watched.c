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

static void watched__freep(struct watched **watched)
{
	watched__free(*watched);
}

void watched__free(struct watched *watched)
{
	if (!watched)
		return;
	if (watched->has_findings)
		findings__free(&watched->findings);
	pinned_history__free(&watched->history);
	heap__free(watched->reading.heap);
	heap_source__free(watched->source);
	free(watched->app);
	free(watched->label);
	free(watched->user);
	free(watched);
}

static char *read_user(pid_t pid)
{
	const struct passwd *entry;
	struct stat status;
	char path[64], *name;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &status))
		return strdup("?");
	entry = getpwuid(status.st_uid);
	if (entry)
		return strdup(entry->pw_name);
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
	*out = TAKE_PTR(watched);
	return 0;
}

static void add_sample(struct watched *watched)
{
	watched->samples[watched->sample_cnt++ % TREND_SAMPLES] = (struct trend_sample){
		.time_ns = watched->read_ns,
		.arena_bytes = watched->findings.measure.totals.arena_bytes,
	};
}

/* Pages that others have, too, are those that a fork has not copied yet. */
static int measure_shared(struct watched *watched)
{
	const struct heap *heap = watched->reading.heap;
	_cleanup_free_ struct resident_range *ranges = calloc(heap->arena_cnt + 1, sizeof(*ranges));

	if (!ranges)
		return -ENOMEM;
	for (size_t i = 0; i < heap->arena_cnt; i++)
		ranges[i] = (struct resident_range){.address = heap->arenas[i].address,
						    .size = heap->geometry.arena_size};
	watched->shared_bytes = 0;
	watched->knows_shared = !resident__measure_shared(watched->pid, ranges, heap->arena_cnt);
	for (size_t i = 0; i < heap->arena_cnt; i++)
		watched->shared_bytes += ranges[i].resident_bytes;
	return 0;
}

int watched__read(struct watched *watched, const struct watched_options *options,
		  struct failure *failure)
{
	const struct heap_reading_options reading_options = {
		.checkpoint = {.max_memory_bytes = options->max_memory_bytes, .keep_stamps = true},
	};
	const struct findings_options findings_options = {
		.below = options->below,
		.blocks_per_arena_max = options->blocks_per_arena_max,
		.keeps_empty_arena = heap_source__keeps_empty_arena(watched->source),
	};
	uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct findings findings;
	int err = heap_source__read(watched->source, &reading_options, &watched->reading,
				    watched->counters, failure);

	if (err) {
		watched->error_cnt++;
		return err;
	}
	watched->error_cnt = 0;
	watched->read_ns = clock_ns(CLOCK_MONOTONIC);
	err = findings__collect(&findings, watched->reading.heap, watched->source->process,
				&findings_options, &watched->history, watched->read_ns,
				watched->counters);
	if (err)
		return failure__set(failure, err, "out of memory");
	if (watched->has_findings)
		findings__free(&watched->findings);
	watched->findings = findings;
	watched->has_findings = true;
	add_sample(watched);
	if (options->with_shared && measure_shared(watched))
		return failure__set(failure, -ENOMEM, "out of memory");
	watched->taken_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
	return 0;
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
