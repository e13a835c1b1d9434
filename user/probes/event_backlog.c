// SPDX-License-Identifier: BSD-2-Clause
#include "probes/event_backlog.h"

#include <stdlib.h>

#include "util/array.h"
#include "util/cleanup.h"

/* More than enough: a Python maps its first arena long before. */
#define EVENTS_MAX (1UL << 22)

void event_backlog__keep(struct event_backlog *backlog, const struct pyfrag_event *event)
{
	if (backlog->cnt == EVENTS_MAX ||
	    ARRAY_RESERVE(backlog->events, backlog->capacity, backlog->cnt + 1))
		backlog->dropped_cnt++;
	else
		backlog->events[backlog->cnt++] = *event;
}

int event_backlog__replay(struct event_backlog *backlog, struct model *model)
{
	int err = 0;

	for (size_t i = 0; i < backlog->cnt && !err; i++)
		err = model__apply(model, &backlog->events[i]);
	event_backlog__release(backlog);
	return err;
}

void event_backlog__release(struct event_backlog *backlog)
{
	free(TAKE_PTR(backlog->events));
	backlog->cnt = backlog->capacity = 0;
}
