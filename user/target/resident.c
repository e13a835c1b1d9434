// SPDX-License-Identifier: BSD-2-Clause
#include "target/resident.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/memory_thread.h"
#include "util/array.h"
#include "util/cleanup.h"

/*
 * Since Linux 6.7 (52526ca7fdb9, "fs/proc/task_mmu: implement IOCTL to get and optionally clear
 * info about PTEs") the kernel tells ranges of pages that have what is wanted, the page of zeros
 * told from others. Debian 12's headers do not know it.
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

_Static_assert(sizeof(struct pagemap_scan) == _IOC_SIZE(RESIDENT_IOCTL),
	       "its size is in its number");

#define CATEGORY_PRESENT    (1UL << 3)
#define CATEGORY_ZERO_FRAME (1UL << 5)

#define PAGE_PRESENT   (1UL << 63)
#define PAGE_EXCLUSIVE (1UL << 56)	 /* nobody else has it mapped */
#define PAGE_FRAME     ((1UL << 55) - 1) /* its number; 0 for those who may not see it */

/* Of an older kernel's pagemap so many pages are read at once. */
#define ENTRIES_MAX 4096UL

/* One process' pagemap, and how to read it. */
struct pagemap {
	int fd;
	bool can_scan;
	uint64_t page_bytes;
	uint64_t zero_frame; /* where it cannot be scanned */
	bool shared_only;    /* pages that others have, too */
	uint64_t *entries;   /* there, too: room for ENTRIES_MAX */
};

static void pagemap__release(struct pagemap *pagemap)
{
	free(pagemap->entries);
	closep(&pagemap->fd);
}

/*
 * The frame of the page of zeros, which is everywhere where something was read that was never
 * written; found by doing just that. 0 if it cannot be seen.
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

static bool is_resident(uint64_t entry, uint64_t zero_frame)
{
	return (entry & PAGE_PRESENT) && !(zero_frame && (entry & PAGE_FRAME) == zero_frame);
}

static int scan_range(struct pagemap *pagemap, uint64_t address, uint64_t size, uint64_t *out)
{
	struct pagemap_region regions[64];
	struct pagemap_scan scan = {
		.size = sizeof(scan),
		.start = address & ~(pagemap->page_bytes - 1),
		.end = (address + size + pagemap->page_bytes - 1) & ~(pagemap->page_bytes - 1),
		.vec = (uint64_t)(uintptr_t)regions,
		.vec_len = ARRAY_SIZE(regions),
		.category_inverted = CATEGORY_ZERO_FRAME,
		.category_mask = CATEGORY_PRESENT | CATEGORY_ZERO_FRAME,
		.return_mask = CATEGORY_PRESENT,
	};
	uint64_t bytes = 0;

	while (scan.start < scan.end) {
		int cnt = ioctl(pagemap->fd, RESIDENT_IOCTL, &scan);

		if (cnt < 0)
			return -errno;
		for (int i = 0; i < cnt; i++)
			bytes += regions[i].end - regions[i].start;
		scan.start = scan.walk_end;
	}
	*out = bytes;
	return 0;
}

/* On older kernels: a word a page. */
static int read_range(struct pagemap *pagemap, uint64_t address, uint64_t size, uint64_t *out)
{
	uint64_t page = address / pagemap->page_bytes, present = 0,
		 end = (address + size + pagemap->page_bytes - 1) / pagemap->page_bytes;

	while (page < end) {
		size_t cnt = end - page < ENTRIES_MAX ? end - page : ENTRIES_MAX;
		ssize_t got = pread(pagemap->fd, pagemap->entries, cnt * sizeof(*pagemap->entries),
				    (off_t)(page * sizeof(*pagemap->entries)));

		if (got < 0)
			return -errno;
		cnt = (size_t)got / sizeof(*pagemap->entries);
		if (!cnt)
			break;
		for (size_t i = 0; i < cnt; i++)
			present += is_resident(pagemap->entries[i], pagemap->zero_frame) &&
				   !(pagemap->shared_only && pagemap->entries[i] & PAGE_EXCLUSIVE);
		page += cnt;
	}
	*out = present * pagemap->page_bytes;
	return 0;
}

static int pagemap__open(struct pagemap *pagemap, pid_t pid)
{
	uint64_t none;
	char path[96];

	pagemap->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, memory_thread__entry(pid, "pagemap").name);
	pagemap->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (pagemap->fd < 0)
		return -errno;
	pagemap->can_scan =
		!pagemap->shared_only && !scan_range(pagemap, 0, pagemap->page_bytes, &none);
	if (pagemap->can_scan)
		return 0;
	pagemap->zero_frame = find_zero_frame(pagemap->page_bytes);
	pagemap->entries = calloc(ENTRIES_MAX, sizeof(*pagemap->entries));
	return pagemap->entries ? 0 : -ENOMEM;
}

static int measure(pid_t pid, struct resident_range *ranges, size_t cnt, bool shared_only)
{
	_cleanup_(pagemap__release) struct pagemap pagemap = {.fd = -1, .shared_only = shared_only};
	int err = pagemap__open(&pagemap, pid);

	for (size_t i = 0; i < cnt && !err; i++) {
		struct resident_range *range = &ranges[i];

		err = pagemap.can_scan ? scan_range(&pagemap, range->address, range->size,
						    &range->resident_bytes)
				       : read_range(&pagemap, range->address, range->size,
						    &range->resident_bytes);
	}
	return err;
}

int resident__measure(pid_t pid, struct resident_range *ranges, size_t cnt)
{
	return measure(pid, ranges, cnt, false);
}

int resident__measure_shared(pid_t pid, struct resident_range *ranges, size_t cnt)
{
	return measure(pid, ranges, cnt, true);
}
