// SPDX-License-Identifier: BSD-2-Clause
#include "probes/drift.h"

#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/sleep.h"

/* How long a straggler may take, and how often a difference is looked at again. */
#define SETTLE_NS     2000000
#define CONFIRM_NS    5000000
#define CONFIRM_TRIES 10
#define CONFIRM_POOLS 4096

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
	_cleanup_free_ uint64_t *pools = calloc(CONFIRM_POOLS, sizeof(*pools));

	if (!pools)
		return -ENOMEM;
	for (int try = 0;; try++) {
		size_t cnt;
		int err;

		event_stream__lock(drift->stream);
		model__compare(drift->model, fresh, &drift->blocks, pools, CONFIRM_POOLS, &cnt);
		event_stream__unlock(drift->stream);
		if (!drift->blocks || try == CONFIRM_TRIES)
			return 0;
		if (cnt == CONFIRM_POOLS) {
			drift->unconfirmed_blocks = drift->blocks;
			return 0;
		}
		settle(drift->stream, CONFIRM_NS);
		err = checkpoint__reread_pools(fresh, drift->memory, pools, cnt, &drift->counts);
		if (err)
			return err;
		settle(drift->stream, SETTLE_NS);
	}
}
