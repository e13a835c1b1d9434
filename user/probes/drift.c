// SPDX-License-Identifier: BSD-2-Clause
#include "probes/drift.h"

#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/sleep.h"

/* How long a late event may take; how often, and in how many spans, differences are rechecked. */
#define SETTLE_NS     2000000
#define CONFIRM_NS    5000000
#define CONFIRM_TRIES 10
#define CONFIRM_SPANS 4096

static void settle(struct event_stream *stream, long ns)
{
	sleep_ns(ns);
	event_stream__drain(stream);
}

void drift__await_stragglers(struct event_stream *stream)
{
	settle(stream, SETTLE_NS);
}

int drift__confirm(struct drift *drift, struct heap *fresh)
{
	_cleanup_free_ uint64_t *spans = calloc(CONFIRM_SPANS, sizeof(*spans));
	const struct target_heap *target_heap = drift->target_heap;

	if (!spans)
		return -ENOMEM;
	for (int try = 0;; try++) {
		size_t cnt;
		int err;

		event_stream__lock(drift->stream);
		model__compare(drift->model, fresh, &drift->blocks, spans, CONFIRM_SPANS, &cnt);
		event_stream__unlock(drift->stream);
		if (!drift->blocks || try == CONFIRM_TRIES)
			return 0;
		if (cnt == CONFIRM_SPANS) {
			drift->unconfirmed_blocks = drift->blocks;
			return 0;
		}
		settle(drift->stream, CONFIRM_NS);
		err = target_heap->allocator->reread(target_heap, fresh, spans, cnt,
						     &drift->counts);
		if (err)
			return err;
		settle(drift->stream, SETTLE_NS);
	}
}
