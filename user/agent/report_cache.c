// SPDX-License-Identifier: BSD-2-Clause
#include "agent/report_cache.h"

#include <string.h>

#include "agent/reader.h"

static void drop_oldest(struct report_cache *cache)
{
	cache->bytes -= cache->items[0].text->size;
	shared_text__release(cache->items[0].text);
	memmove(&cache->items[0], &cache->items[1], --cache->cnt * sizeof(cache->items[0]));
}

void report_cache__release(struct report_cache *cache)
{
	while (cache->cnt)
		drop_oldest(cache);
}

struct shared_text *report_cache__find(struct report_cache *cache, pid_t pid, uint64_t now_ns)
{
	while (cache->cnt && now_ns - cache->items[0].written_ns >= REPORT_CACHE_NS)
		drop_oldest(cache);
	for (size_t i = 0; i < cache->cnt; i++)
		if (cache->items[i].pid == pid)
			return cache->items[i].text;
	return NULL;
}

void report_cache__put(struct report_cache *cache, pid_t pid, struct shared_text *text,
		       uint64_t now_ns)
{
	while (cache->cnt &&
	       (cache->cnt == REPORT_CACHE_MAX || cache->bytes + text->size > REPORT_BYTES_MAX))
		drop_oldest(cache);
	cache->items[cache->cnt++] = (struct cached_report){.pid = pid,
							    .written_ns = now_ns,
							    .text = shared_text__hold(text)};
	cache->bytes += text->size;
}
