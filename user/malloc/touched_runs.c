// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/touched_runs.h"

#include <errno.h>

#include "util/partition_point.h"

static int add_run(uint64_t start, uint64_t end, void *context)
{
	struct touched_runs *runs = context;
	struct touched_run *last = runs->cnt ? &runs->items[runs->cnt - 1] : NULL;
	int err;

	if (last && last->end == start) {
		last->end = end;
		return 0;
	}
	err = ACCOUNT_RESERVE(runs->account, runs->items, runs->capacity, runs->cnt + 1);
	if (!err)
		runs->items[runs->cnt++] = (struct touched_run){.start = start, .end = end};
	return err;
}

int touched_runs__add(struct touched_runs *runs, const struct memory *memory, uint64_t start,
		      uint64_t end)
{
	int err;

	runs->account = memory->account;
	err = memory__find_touched(memory, start, end, add_run, runs);
	return err == -ENODATA ? add_run(start, end, runs) : err;
}

void touched_runs__release(struct touched_runs *runs)
{
	account__free(runs->items);
	*runs = (struct touched_runs){};
}

const struct touched_run *touched_runs__find(const struct touched_runs *runs, uint64_t address)
{
	size_t i = PARTITION_POINT(run, runs->items, runs->cnt, run->end <= address);

	return i < runs->cnt && runs->items[i].start <= address ? &runs->items[i] : NULL;
}
