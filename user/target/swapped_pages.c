// SPDX-License-Identifier: BSD-2-Clause
#include "target/swapped_pages.h"

#include <errno.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "target/live_pages.h"
#include "target/memory.h"
#include "target/proc_fields.h"
#include "target/proc_text.h"
#include "util/cleanup.h"
#include "util/clock.h"

/* For how long an answer of the kernel is used. */
#define FRESH_NS     10000000UL
#define REGION_PAGES 512
#define REGION_WORDS (REGION_PAGES / 64)

struct swapped_region {
	uint64_t key; /* its number and 1 */
	uint64_t asked_ns;
	uint64_t swapped[REGION_WORDS]; /* bits by page */
	uint64_t left[REGION_WORDS];	/* those that were to be read */
};

/* The run of pages that a visit marks, in one region. */
struct marking {
	struct swapped_region *region;
	uint64_t start; /* of the region */
	uint64_t page_bytes;
};

static int mark_run(uint64_t start, uint64_t end, void *context)
{
	const struct marking *marking = context;
	uint64_t page = (start - marking->start) / marking->page_bytes,
		 page_end = (end - marking->start) / marking->page_bytes;

	for (; page < page_end && page < REGION_PAGES; page++)
		marking->region->swapped[page / 64] |= 1UL << page % 64;
	return 0;
}

/*
 * Asks the kernel what is swapped out in a region. What it does not say counts as not swapped out:
 * the process may be gone.
 */
static void ask(struct swapped_region *region, pid_t pid, uint64_t page_bytes, uint64_t now_ns)
{
	struct marking marking = {.region = region,
				  .start = (region->key - 1) * page_bytes * REGION_PAGES,
				  .page_bytes = page_bytes};

	memset(region->swapped, 0, sizeof(region->swapped));
	region->asked_ns = now_ns;
	live_pages__find_swapped(pid, marking.start, marking.start + page_bytes * REGION_PAGES,
				 mark_run, &marking);
}

/* Returns NULL and sets errno if there is no memory for it. */
static struct swapped_region *find_region(struct swapped_pages *pages, pid_t pid, uint64_t number,
					  uint64_t page_bytes, uint64_t now_ns)
{
	struct swapped_region *region = hash_map__add(&pages->regions, number + 1);

	if (region && now_ns - region->asked_ns > FRESH_NS)
		ask(region, pid, page_bytes, now_ns);
	return region;
}

static void leave_page(struct swapped_pages *pages, struct swapped_region *region, size_t page,
		       uint64_t page_bytes)
{
	uint64_t bit = 1UL << page % 64;

	pages->left_bytes += region->left[page / 64] & bit ? 0 : page_bytes;
	region->left[page / 64] |= bit;
	pages->has_left = true;
}

/* Whether any of the pages from @first to before @end is swapped out. Notes those that are. */
static bool leave_pages(struct swapped_pages *pages, struct swapped_region *region, size_t first,
			size_t end, uint64_t page_bytes)
{
	bool any = false;

	for (size_t page = first; page < end; page++) {
		if (!(region->swapped[page / 64] >> page % 64 & 1))
			continue;
		any = true;
		leave_page(pages, region, page, page_bytes);
	}
	return any;
}

static int mark(struct swapped_pages *pages, pid_t pid, struct memory_range *range, uint64_t now_ns)
{
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t page = range->address / page_bytes,
		 last = (range->address + range->size - 1) / page_bytes;

	while (range->size && page <= last) {
		uint64_t number = page / REGION_PAGES;
		uint64_t end = (number + 1) * REGION_PAGES <= last ? (number + 1) * REGION_PAGES
								   : last + 1;
		struct swapped_region *region = find_region(pages, pid, number, page_bytes, now_ns);

		if (!region)
			return -errno;
		if (leave_pages(pages, region, page % REGION_PAGES,
				page % REGION_PAGES + (end - page), page_bytes))
			range->failed = range->is_swapped = true;
		page = end;
	}
	return 0;
}

/* Whether any process has pages in swap space. */
static bool is_swap_used(void)
{
	struct sysinfo info;

	return sysinfo(&info) || info.freeswap != info.totalswap;
}

/* By the kernel's count. */
static bool counts_any(pid_t pid)
{
	_cleanup_(proc_text__release) struct proc_text status = {};
	uint64_t bytes;

	return proc_text__read_status(&status, pid) ||
	       proc_fields__swapped_bytes(status.bytes, &bytes) || bytes;
}

/*
 * Whether any page is swapped out. Linux 6.2 to 6.16 may count none though there are a few for each
 * CPU (f1a7941243c1, "mm: convert mm's rss stats into percpu_counter"), so all of the process is
 * searched, too. That takes at most one percent of the time.
 */
static bool is_any(struct swapped_pages *pages, pid_t pid, uint64_t now_ns)
{
	int any;

	if (!is_swap_used())
		return false;
	if (counts_any(pid))
		return true;
	if (now_ns < pages->search_ns)
		return false;
	any = live_pages__has_swapped(pid);
	pages->search_ns = now_ns + 100 * (clock_ns(CLOCK_MONOTONIC) - now_ns);
	return any > 0;
}

static void look(struct swapped_pages *pages, pid_t pid, struct account *account, uint64_t now_ns)
{
	if (now_ns - pages->looked_ns > FRESH_NS) {
		pages->is_any = is_any(pages, pid, now_ns);
		pages->looked_ns = now_ns;
	}
	pages->regions.entry_bytes = sizeof(struct swapped_region);
	pages->regions.account = account;
}

int swapped_pages__mark(struct swapped_pages *pages, pid_t pid, struct account *account,
			struct memory_range *ranges, size_t cnt)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	int err = 0;

	pthread_mutex_lock(&pages->lock);
	look(pages, pid, account, now_ns);
	for (size_t i = 0; i < cnt && pages->is_any && !err; i++)
		err = mark(pages, pid, &ranges[i], now_ns);
	pthread_mutex_unlock(&pages->lock);
	return err;
}

static int stop_at_first(uint64_t start, uint64_t end, void *context)
{
	bool *any = context;

	(void)start;
	(void)end;
	*any = true;
	return 1;
}

void swapped_pages__pass_over(struct swapped_pages *pages, pid_t pid, struct account *account,
			      uint64_t start, uint64_t end)
{
	pthread_mutex_lock(&pages->lock);
	look(pages, pid, account, clock_ns(CLOCK_MONOTONIC));
	if (pages->is_any && !pages->has_left)
		live_pages__find_swapped(pid, start, end, stop_at_first, &pages->has_left);
	pthread_mutex_unlock(&pages->lock);
}

bool swapped_pages__has_left(struct swapped_pages *pages)
{
	bool has_left;

	pthread_mutex_lock(&pages->lock);
	has_left = pages->has_left;
	pthread_mutex_unlock(&pages->lock);
	return has_left;
}

uint64_t swapped_pages__left_bytes(struct swapped_pages *pages)
{
	uint64_t bytes;

	pthread_mutex_lock(&pages->lock);
	bytes = pages->left_bytes;
	pthread_mutex_unlock(&pages->lock);
	return bytes;
}

void swapped_pages__forget_left(struct swapped_pages *pages)
{
	pthread_mutex_lock(&pages->lock);
	hash_map__release(&pages->regions);
	pages->left_bytes = 0;
	pages->has_left = false;
	pthread_mutex_unlock(&pages->lock);
}

void swapped_pages__release(struct swapped_pages *pages)
{
	hash_map__release(&pages->regions);
}
