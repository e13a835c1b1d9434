// SPDX-License-Identifier: BSD-2-Clause
#include "target/live_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/live_proc.h"
#include "target/memory_thread.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

/*
 * Since Linux 6.7 (52526ca7fdb9, "fs/proc/task_mmu: implement IOCTL to get and optionally clear
 * info about PTEs") the kernel returns ranges of pages by category; the zero page is one. Debian
 * 12's headers lack these definitions.
 */
struct pagemap_scan {
	uint64_t size, flags;
	uint64_t start, end, walk_end;
	uint64_t vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

struct pagemap_region {
	uint64_t start, end, categories;
};

_Static_assert(sizeof(struct pagemap_scan) == _IOC_SIZE(LIVE_PAGES_IOCTL),
	       "its size is in its number");

#define CATEGORY_PRESENT    (1UL << 3)
#define CATEGORY_SWAPPED    (1UL << 4)
#define CATEGORY_ZERO_FRAME (1UL << 5)
#define CATEGORY_HUGE	    (1UL << 6)

#define PAGE_PRESENT   (1UL << 63)
#define PAGE_SWAPPED   (1UL << 62)
#define PAGE_EXCLUSIVE (1UL << 56)	 /* mapped by nobody else */
#define PAGE_GUARD     (1UL << 58)	 /* MADV_GUARD_INSTALL, which looks swapped out, too */
#define PAGE_FRAME     ((1UL << 55) - 1) /* page frame number; 0 for those who may not see it */

/* Entries read at once on older kernels. */
#define ENTRIES_MAX 4096UL

/*
 * The ranges of one visit, and the most bytes between two of them: to pass over as many pages takes
 * about as long as another visit.
 */
#define NEAR_RANGES_MAX 64
#define GAP_BYTES	(256UL << 10)

/* Of user addresses. */
#define ADDRESS_BITS_MIN 47
#define ADDRESS_BITS_MAX 56

enum wanted_pages {
	PAGES_RESIDENT,
	PAGES_SHARED,  /* resident, and also mapped by others */
	PAGES_TOUCHED, /* resident or swapped out */
	PAGES_SWAPPED,
	PAGES_HUGE, /* resident, and mapped as a huge page; known by scanning only */
};

/* The pagemap of a process, and how it is read. */
struct pagemap {
	int fd;
	bool can_scan;
	enum wanted_pages wanted;
	uint64_t page_bytes;
	uint64_t zero_frame; /* used if it cannot be scanned; 0: unknown */
	uint64_t *entries;   /* likewise: room for ENTRIES_MAX */
};

static void pagemap__release(struct pagemap *pagemap)
{
	free(pagemap->entries);
	closep(&pagemap->fd);
}

/*
 * The frame of the zero page, which the kernel maps when memory is read that was never written;
 * found by reading such memory. 0 if it cannot be seen.
 */
static uint64_t find_zero_frame(uint64_t page_bytes)
{
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;
	const volatile char *page;

	if (fd < 0)
		return 0;
	page = mmap(NULL, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return 0;
	(void)*page;
	if (pread(fd, &entry, sizeof(entry),
		  (off_t)((uintptr_t)page / page_bytes * sizeof(entry))) != (ssize_t)sizeof(entry))
		entry = 0;
	munmap((void *)page, page_bytes);
	return entry & PAGE_PRESENT ? entry & PAGE_FRAME : 0;
}

static bool is_wanted(const struct pagemap *pagemap, uint64_t entry)
{
	bool is_present = (entry & PAGE_PRESENT) &&
			  !(pagemap->zero_frame && (entry & PAGE_FRAME) == pagemap->zero_frame);

	switch (pagemap->wanted) {
	case PAGES_SHARED:
		return is_present && !(entry & PAGE_EXCLUSIVE);
	case PAGES_TOUCHED:
		return is_present || entry & PAGE_SWAPPED;
	case PAGES_SWAPPED:
		return entry & PAGE_SWAPPED && !(entry & PAGE_GUARD);
	default:
		return is_present;
	}
}

/* Passes runs of wanted pages from @start to @end, multiples of the page size, to @take. */
static int scan_pages(const struct pagemap *pagemap, uint64_t start, uint64_t end,
		      memory_run_fn *take, void *context)
{
	static const uint64_t categories[] = {
		[PAGES_RESIDENT] = CATEGORY_PRESENT,
		[PAGES_TOUCHED] = CATEGORY_PRESENT | CATEGORY_SWAPPED,
		[PAGES_SWAPPED] = CATEGORY_SWAPPED,
		[PAGES_HUGE] = CATEGORY_HUGE,
	};
	uint64_t any = categories[pagemap->wanted];
	struct pagemap_region regions[64];
	struct pagemap_scan scan = {
		.size = sizeof(scan),
		.start = start,
		.end = end,
		.vec = (uint64_t)(uintptr_t)regions,
		.vec_len = ARRAY_SIZE(regions),
		.category_inverted = CATEGORY_ZERO_FRAME,
		.category_mask = CATEGORY_ZERO_FRAME,
		.category_anyof_mask = any,
		.return_mask = any,
	};
	int err = 0;

	while (scan.start < scan.end && !err && !(err = cpu_allowance__check())) {
		int cnt = ioctl(pagemap->fd, LIVE_PAGES_IOCTL, &scan);

		if (cnt < 0)
			return -errno;
		for (int i = 0; i < cnt && !err; i++)
			err = take(regions[i].start, regions[i].end, context);
		scan.start = scan.walk_end;
	}
	return err;
}

/* As scan_pages(), on older kernels: one entry per page. */
static int read_pages(const struct pagemap *pagemap, uint64_t start, uint64_t end,
		      memory_run_fn *take, void *context)
{
	uint64_t page = start / pagemap->page_bytes, page_end = end / pagemap->page_bytes;
	int err = 0;

	while (page < page_end && !err && !(err = cpu_allowance__check())) {
		size_t cnt = page_end - page < ENTRIES_MAX ? page_end - page : ENTRIES_MAX, run = 0;
		ssize_t got = pread(pagemap->fd, pagemap->entries, cnt * sizeof(*pagemap->entries),
				    (off_t)(page * sizeof(*pagemap->entries)));

		if (got < 0)
			return -errno;
		cnt = (size_t)got / sizeof(*pagemap->entries);
		if (!cnt)
			break;
		for (size_t i = 0; i <= cnt && !err; i++) {
			if (i < cnt && is_wanted(pagemap, pagemap->entries[i])) {
				run++;
				continue;
			}
			if (run)
				err = take((page + i - run) * pagemap->page_bytes,
					   (page + i) * pagemap->page_bytes, context);
			run = 0;
		}
		page += cnt;
	}
	return err;
}

static int add_bytes(uint64_t start, uint64_t end, void *context)
{
	uint64_t *bytes = context;

	*bytes += end - start;
	return 0;
}

/* Visits the wanted pages that overlap the range. */
static int visit_pages(const struct pagemap *pagemap, uint64_t address, uint64_t size,
		       memory_run_fn *take, void *context)
{
	uint64_t start = address & ~(pagemap->page_bytes - 1),
		 end = (address + size + pagemap->page_bytes - 1) & ~(pagemap->page_bytes - 1);

	return pagemap->can_scan ? scan_pages(pagemap, start, end, take, context)
				 : read_pages(pagemap, start, end, take, context);
}

static int pagemap__open(struct pagemap *pagemap, pid_t pid)
{
	uint64_t none = 0;

	pagemap->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	pagemap->fd = live_proc__open(pid, memory_thread__entry(pid, "pagemap").name, O_RDONLY);
	if (pagemap->fd < 0)
		return pagemap->fd;
	/* A scan has no category for pages that are also mapped by others. */
	pagemap->can_scan = pagemap->wanted != PAGES_SHARED &&
			    !scan_pages(pagemap, 0, pagemap->page_bytes, add_bytes, &none);
	if (pagemap->can_scan)
		return 0;
	if (pagemap->wanted == PAGES_HUGE)
		return -ENODATA;
	if (pagemap->wanted != PAGES_SWAPPED)
		pagemap->zero_frame = find_zero_frame(pagemap->page_bytes);
	pagemap->entries = calloc(ENTRIES_MAX, sizeof(*pagemap->entries));
	return pagemap->entries ? 0 : -ENOMEM;
}

/* Ranges that are measured by one visit to all pages from the first to the last one. */
struct near_ranges {
	const struct resident_range *items;
	size_t cnt;
	size_t first; /* the first one that does not end before the pages that come next */
	uint64_t page_bytes;
	uint64_t bytes[NEAR_RANGES_MAX]; /* wanted, of each */
};

static uint64_t first_page(const struct resident_range *range, uint64_t page_bytes)
{
	return range->address & ~(page_bytes - 1);
}

static uint64_t pages_end(const struct resident_range *range, uint64_t page_bytes)
{
	return (range->address + range->size + page_bytes - 1) & ~(page_bytes - 1);
}

/* Adds a run of pages to all ranges that it overlaps. */
static int add_near(uint64_t start, uint64_t end, void *context)
{
	struct near_ranges *near = context;

	for (size_t i = near->first; i < near->cnt; i++) {
		uint64_t from = first_page(&near->items[i], near->page_bytes),
			 to = pages_end(&near->items[i], near->page_bytes);

		if (from >= end)
			break;
		near->first += i == near->first && to <= start;
		from = from > start ? from : start;
		to = to < end ? to : end;
		near->bytes[i] += from < to ? to - from : 0;
	}
	return 0;
}

/* How many of the ranges, which are @cnt and at least one, lie near to each other, by address. */
static size_t count_near(const struct resident_range *ranges, size_t cnt)
{
	size_t near = 1;

	while (near < cnt && near < NEAR_RANGES_MAX) {
		uint64_t end = ranges[near - 1].address + ranges[near - 1].size;

		if (ranges[near].address < end || ranges[near].address - end > GAP_BYTES)
			break;
		near++;
	}
	return near;
}

static int measure_near(const struct pagemap *pagemap, struct resident_range *ranges, size_t cnt)
{
	struct near_ranges near = {.items = ranges, .cnt = cnt, .page_bytes = pagemap->page_bytes};
	uint64_t start = ranges[0].address, end = ranges[cnt - 1].address + ranges[cnt - 1].size;
	int err = visit_pages(pagemap, start, end - start, add_near, &near);

	for (size_t i = 0; i < cnt && !err; i++)
		ranges[i].resident_bytes = near.bytes[i];
	return err;
}

static int measure(pid_t pid, struct resident_range *ranges, size_t cnt, enum wanted_pages wanted)
{
	_cleanup_(pagemap__release) struct pagemap pagemap = {.fd = -1, .wanted = wanted};
	int err = pagemap__open(&pagemap, pid);

	for (size_t i = 0, near; i < cnt && !err; i += near) {
		near = count_near(ranges + i, cnt - i);
		err = measure_near(&pagemap, ranges + i, near);
	}
	return err;
}

int live_pages__measure(pid_t pid, struct resident_range *ranges, size_t cnt)
{
	return measure(pid, ranges, cnt, PAGES_RESIDENT);
}

int live_pages__knows_zero_page(pid_t pid)
{
	_cleanup_(pagemap__release) struct pagemap pagemap = {.fd = -1, .wanted = PAGES_RESIDENT};
	int err = pagemap__open(&pagemap, pid);

	return err ? err : pagemap.can_scan || pagemap.zero_frame;
}

int live_pages__measure_shared(pid_t pid, struct resident_range *ranges, size_t cnt)
{
	return measure(pid, ranges, cnt, PAGES_SHARED);
}

int live_pages__measure_swapped(pid_t pid, struct resident_range *ranges, size_t cnt)
{
	return measure(pid, ranges, cnt, PAGES_SWAPPED);
}

int live_pages__measure_huge(pid_t pid, struct resident_range *ranges, size_t cnt)
{
	return measure(pid, ranges, cnt, PAGES_HUGE);
}

static int find(pid_t pid, uint64_t start, uint64_t end, enum wanted_pages wanted,
		memory_run_fn *take, void *context)
{
	_cleanup_(pagemap__release) struct pagemap pagemap = {.fd = -1, .wanted = wanted};
	int err = pagemap__open(&pagemap, pid);

	return err ? err : visit_pages(&pagemap, start, end - start, take, context);
}

int live_pages__find_swapped(pid_t pid, uint64_t start, uint64_t end, memory_run_fn *take,
			     void *context)
{
	return find(pid, start, end, PAGES_SWAPPED, take, context);
}

static int stop_at_first(uint64_t start, uint64_t end, void *context)
{
	(void)start;
	(void)end;
	(void)context;
	return 1;
}

/* Addresses end at different powers of two; the kernel refuses to search beyond its own. */
int live_pages__has_swapped(pid_t pid)
{
	_cleanup_(pagemap__release) struct pagemap pagemap = {.fd = -1, .wanted = PAGES_SWAPPED};
	int err = pagemap__open(&pagemap, pid);

	if (err)
		return err;
	err = -EFAULT;
	for (int bits = ADDRESS_BITS_MAX; bits >= ADDRESS_BITS_MIN && err == -EFAULT; bits--)
		err = pagemap.can_scan ? scan_pages(&pagemap, 0, (1UL << bits) - pagemap.page_bytes,
						    stop_at_first, NULL)
				       : -ENODATA;
	return err;
}

int live_pages__find_resident(pid_t pid, uint64_t start, uint64_t end, memory_run_fn *take,
			      void *context)
{
	return find(pid, start, end, PAGES_RESIDENT, take, context);
}

int live_pages__find_touched(pid_t pid, uint64_t start, uint64_t end, memory_run_fn *take,
			     void *context)
{
	return find(pid, start, end, PAGES_TOUCHED, take, context);
}
