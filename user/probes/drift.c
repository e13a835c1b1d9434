// SPDX-License-Identifier: BSD-2-Clause
#include "probes/drift.h"

#include <errno.h>
#include <stdlib.h>

#include "target/run_watch.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/sleep.h"

/*
 * How long a late event may take if its thread runs; how often, and in how many spans, differences
 * are rechecked; how long threads may take, in all of that, to run at all.
 */
#define SETTLE_NS     2000000
#define CONFIRM_NS    5000000
#define CONFIRM_TRIES 10
#define CONFIRM_SPANS 4096
#define AWAIT_MAX_NS  3000000000UL

static void settle(struct event_stream *stream, long ns)
{
	sleep_ns(ns);
	event_stream__drain(stream);
}

void drift__await_stragglers(struct event_stream *stream)
{
	settle(stream, SETTLE_NS);
}

static void await_threads(struct event_stream *stream, const struct target *target,
			  uint64_t deadline_ns)
{
	struct run_watch watch;
	bool have_run;

	run_watch__begin(&watch, target);
	do {
		sleep_ns(CONFIRM_NS);
		have_run = run_watch__all_have_run(&watch, target);
	} while (!have_run && clock_ns(CLOCK_MONOTONIC) < deadline_ns);
	event_stream__drain(stream);
}

void drift__await_threads(struct event_stream *stream, const struct target *target)
{
	await_threads(stream, target, clock_ns(CLOCK_MONOTONIC) + AWAIT_MAX_NS);
}

/* Returns whether @fresh differs from the model, and stores in which spans. */
static bool differs(struct drift *drift, const struct heap *fresh, uint64_t *spans, size_t *cnt)
{
	event_stream__lock(drift->stream);
	model__compare(drift->model, fresh, &drift->blocks, spans, CONFIRM_SPANS, cnt);
	event_stream__unlock(drift->stream);
	return drift->blocks != 0;
}

int drift__confirm(struct drift *drift, struct heap *fresh)
{
	_cleanup_free_ uint64_t *spans = calloc(CONFIRM_SPANS, sizeof(*spans));
	const struct target_heap *target_heap = drift->target_heap;
	uint64_t deadline_ns = clock_ns(CLOCK_MONOTONIC) + AWAIT_MAX_NS;
	size_t cnt;

	if (!spans)
		return -ENOMEM;
	for (int try = 0; differs(drift, fresh, spans, &cnt); try++) {
		int err;

		if (cnt == CONFIRM_SPANS) {
			drift->unconfirmed_blocks = drift->blocks;
			return 0;
		}
		await_threads(drift->stream, target_heap->context.target, deadline_ns);
		if (try == CONFIRM_TRIES) {
			differs(drift, fresh, spans, &cnt);
			return 0;
		}
		err = target_heap->allocator->reread(target_heap, fresh, spans, cnt,
						     &drift->counts);
		if (err)
			return err;
		settle(drift->stream, SETTLE_NS);
	}
	return 0;
}
