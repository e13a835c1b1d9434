// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/other_malloc.h"

#include "util/partition_point.h"

const char *const other_malloc_names[OTHER_MALLOC_KINDS] = {
	[OTHER_JEMALLOC] = "jemalloc",
	[OTHER_TCMALLOC] = "tcmalloc",
	[OTHER_MIMALLOC] = "mimalloc",
	[OTHER_MALLOCNG] = "mallocng",
};

const char *const other_state_names[OTHER_STATES] = {
	[OTHER_ACTIVE] = "active",	 [OTHER_UNUSED] = "unused",
	[OTHER_RETURNED] = "returned",	 [OTHER_METADATA] = "metadata",
	[OTHER_UNDIVIDED] = "undivided",
};

void other_malloc__release(struct other_malloc *item)
{
	account__free(item->path);
	account__free(item->ranges);
	*item = (struct other_malloc){};
}

int other_malloc__add_range(struct other_malloc *item, struct account *account, uint64_t start,
			    uint64_t end, enum other_state state)
{
	int err = ACCOUNT_RESERVE(account, item->ranges, item->range_capacity, item->range_cnt + 1);

	if (!err)
		item->ranges[item->range_cnt++] =
			(struct other_range){.start = start, .end = end, .state = state};
	return err;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct other_range *left = a, *right = b;

	return left->start < right->start ? -1 : left->start > right->start;
}

int other_malloc__sort_ranges(struct other_malloc *item, struct account *account)
{
	size_t cnt = 0;
	int err = account__sort(account, item->ranges, item->range_cnt, sizeof(*item->ranges),
				compare_ranges);

	for (size_t i = 0; i < item->range_cnt && !err; i++) {
		struct other_range range = item->ranges[i],
				   *last = cnt ? &item->ranges[cnt - 1] : NULL;

		if (last && range.start < last->end)
			range.start = last->end;
		if (range.start >= range.end)
			continue;
		if (last && last->end == range.start && last->state == range.state)
			last->end = range.end;
		else
			item->ranges[cnt++] = range;
	}
	if (!err)
		item->range_cnt = cnt;
	return err;
}

const struct other_range *other_malloc__range_from(const struct other_malloc *item,
						   uint64_t address)
{
	size_t first = PARTITION_POINT(range, item->ranges, item->range_cnt, range->end <= address);

	return first < item->range_cnt ? &item->ranges[first] : NULL;
}

uint64_t other_malloc__bytes(const struct other_malloc *item, enum other_state state)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < item->range_cnt; i++)
		if (item->ranges[i].state == state)
			bytes += item->ranges[i].end - item->ranges[i].start;
	return bytes;
}
