// SPDX-License-Identifier: BSD-2-Clause
/*
 * Measures how many events per second one core moves from the ring buffer into the model. First it
 * records events of a real process; then a BPF program puts them into a ring buffer again, and the
 * stream that traces use takes them out. Usage: consumer PID; prints a line of JSON.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heap/model.h"
#include "probes/events.h"
#include "probes/keeper.h"
#include "probes/loader.h"
#include "probes/site_cache.h"
#include "replay.skel.h"
#include "source/allocators.h"
#include "source/heap_source.h"
#include "target/live.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define EVENTS_MAX (2UL << 20)
#define RECORD_S   2
#define ROUNDS	   20

struct recorder {
	struct pyfrag_event *events; /* the map of the BPF program that replays them */
	size_t cnt;
};

static int fail(const char *what, int err)
{
	fprintf(stderr, "consumer: %s: %s\n", what, strerror(-err));
	return 1;
}

static void record(const struct pyfrag_event *event, uint64_t stack_number, void *context)
{
	struct recorder *recorder = context;

	(void)stack_number;
	if (event->type <= EVENT_ARENA_UNMAP && recorder->cnt < EVENTS_MAX)
		recorder->events[recorder->cnt++] = *event;
}

/* Records the events of process @pid for some seconds. */
static int record_process(struct recorder *recorder, const struct target *target,
			  const struct python *python)
{
	const struct probe_options options = {.pid = target->pid,
					      .module = python->module,
					      .ring_bytes = 64UL << 20};
	const uint32_t types = 1U << EVENT_ALLOC | 1U << EVENT_FREE | 1U << EVENT_NEW_POOL |
			       1U << EVENT_POOL_FREED | 1U << EVENT_ARENA_MAP |
			       1U << EVENT_ARENA_UNMAP;
	_cleanup_(event_stream__freep) struct event_stream *stream = NULL;
	_cleanup_(probe_set__freep) struct probe_set *probes = NULL;
	_cleanup_(site_set__free) struct site_set sites = {};
	struct features features;
	struct failure failure;
	uint64_t unusable = 0;
	size_t attached = 0;
	bool cached;
	int err;

	err = features__detect(&features);
	if (!err)
		err = site_cache__find(&sites, python->module->fd, 0, true, &cached);
	if (!err)
		err = probe_set__new(&probes, &options, &features, &failure);
	if (!err)
		err = event_stream__start(&stream, probe_set__ring_fd(probes), options.ring_bytes,
					  &(struct event_handlers){.event = record}, recorder);
	if (!err)
		err = probe_set__attach_sites(probes, PROBES_LASTING, &sites, types,
					      python->module->fd, python->module->bias, &attached,
					      &unusable, &failure);
	if (!err)
		sleep(RECORD_S);
	return err;
}

static int map_events(struct pyfrag_event **out, const struct replay_bpf *skeleton)
{
	void *events = mmap(NULL, EVENTS_MAX * sizeof(**out), PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(skeleton->maps.recorded), 0);

	if (events == MAP_FAILED)
		return -errno;
	*out = events;
	return 0;
}

/* Puts all recorded events into the ring buffer. */
static int fill_ring(struct replay_bpf *skeleton, uint32_t cnt)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);

	skeleton->bss->next_event = 0;
	skeleton->bss->end_event = cnt;
	while (skeleton->bss->next_event < cnt) {
		int err = bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.replay), &options);

		if (err || options.retval || skeleton->bss->full)
			return err ? -errno : -ENOSPC;
	}
	return 0;
}

struct consumer {
	struct model *model;
	size_t cnt;
	int err;
};

static void apply(const struct pyfrag_event *event, uint64_t stack_number, void *context)
{
	struct consumer *consumer = context;
	int err = model__apply(consumer->model, event);

	(void)stack_number;
	consumer->cnt++;
	if (err)
		consumer->err = err;
}

/*
 * The best of several rounds, in ns per event: other load on the machine only makes a round slower.
 */
static int measure(struct replay_bpf *skeleton, struct consumer *consumer, uint32_t cnt,
		   double *best_ns)
{
	_cleanup_(event_stream__freep) struct event_stream *stream = NULL;
	int err = event_stream__start(&stream, bpf_map__fd(skeleton->maps.ring),
				      bpf_map__max_entries(skeleton->maps.ring),
				      &(struct event_handlers){.event = apply}, consumer);

	*best_ns = 1e9;
	for (int round = 0; round < ROUNDS && !err; round++) {
		uint64_t start_ns;
		double ns;

		consumer->cnt = 0;
		event_stream__lock(stream);
		err = fill_ring(skeleton, cnt);
		start_ns = clock_ns(CLOCK_MONOTONIC);
		event_stream__unlock(stream);
		event_stream__drain(stream);
		ns = (double)(clock_ns(CLOCK_MONOTONIC) - start_ns) / cnt;
		if (consumer->cnt != cnt)
			err = -EPROTO;
		if (ns < *best_ns)
			*best_ns = ns;
	}
	return err ? err : consumer->err;
}

int main(int argc, char **argv)
{
	_cleanup_(heap_source__freep) struct heap_source *source = NULL;
	_cleanup_(model__freep) struct model *model = NULL;
	struct recorder recorder = {};
	struct replay_bpf *skeleton;
	struct failure failure;
	struct target *target;
	double best_ns;
	int err;

	if (argc != 2)
		return fail("usage: consumer PID", -EINVAL);
	err = keeper__start(NULL, &failure);
	if (err)
		return fail(failure.text, err);
	skeleton = replay_bpf__open();
	if (!skeleton)
		return fail("cannot open the program", -errno);
	err = bpf_map__set_max_entries(skeleton->maps.recorded, EVENTS_MAX);
	if (!err)
		err = replay_bpf__load(skeleton);
	if (!err)
		err = map_events(&recorder.events, skeleton);
	if (err)
		return fail("cannot load the program", err);
	err = live__open(&target, atoi(argv[1]), &failure);
	if (!err)
		err = heap_source__open(&source, followed_allocators, target, UINT64_MAX, NULL,
					&failure);
	if (err)
		return fail(failure.text, err);
	err = record_process(&recorder, source->target, source->python);
	if (!err && !recorder.cnt)
		err = -ENODATA;
	if (err)
		return fail("cannot record", err);
	err = model__new(&model, &heap_source__main(source)->layout, true, NULL);
	if (!err)
		err = measure(skeleton, &(struct consumer){.model = model}, (uint32_t)recorder.cnt,
			      &best_ns);
	if (err)
		return fail("cannot replay", err);
	printf("{\"events\": %zu, \"ns_per_event\": %.2f, \"events_per_s\": %.0f}\n", recorder.cnt,
	       best_ns, 1e9 / best_ns);
	replay_bpf__destroy(skeleton);
	return 0;
}
