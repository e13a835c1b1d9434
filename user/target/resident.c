// SPDX-License-Identifier: BSD-2-Clause
#include "target/resident.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/cleanup.h"

#define PAGE_PRESENT (1UL << 63)
#define PAGE_FRAME   ((1UL << 55) - 1) /* its number; 0 for those who may not see it */

/*
 * The frame of the page of zeros, which is everywhere where something was read that was never written;
 * found by doing just that. 0 if it cannot be seen.
 */
static uint64_t find_zero_frame(long page_bytes)
{
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;
	const volatile char *page;

	if (fd < 0)
		return 0;
	page = mmap(NULL, (size_t)page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return 0;
	(void)*page;
	if (pread(fd, &entry, sizeof(entry),
		  (off_t)((uintptr_t)page / (uint64_t)page_bytes * sizeof(entry))) !=
	    (ssize_t)sizeof(entry))
		entry = 0;
	munmap((void *)page, (size_t)page_bytes);
	return entry & PAGE_PRESENT ? entry & PAGE_FRAME : 0;
}

static bool is_resident(uint64_t entry, uint64_t zero_frame)
{
	return (entry & PAGE_PRESENT) && !(zero_frame && (entry & PAGE_FRAME) == zero_frame);
}

static int count_present(int fd, uint64_t address, uint64_t size, long page_bytes,
			 uint64_t zero_frame, uint64_t *entries, uint64_t *out)
{
	uint64_t first = address / (uint64_t)page_bytes;
	size_t cnt = (size_t)((address + size + (uint64_t)page_bytes - 1) / (uint64_t)page_bytes -
			      first);
	uint64_t present = 0;
	ssize_t got;

	got = pread(fd, entries, cnt * sizeof(*entries), (off_t)(first * sizeof(*entries)));
	if (got < 0)
		return -errno;
	for (size_t i = 0; i < (size_t)got / sizeof(*entries); i++)
		present += is_resident(entries[i], zero_frame);
	*out = present * (uint64_t)page_bytes;
	return 0;
}

int resident__measure(pid_t pid, const uint64_t *addresses, size_t cnt, uint64_t size,
		      uint64_t *resident_bytes)
{
	long page_bytes = sysconf(_SC_PAGESIZE);
	uint64_t zero_frame = find_zero_frame(page_bytes);
	_cleanup_free_ uint64_t *entries = NULL;
	_cleanup_close_ int fd = -1;
	char path[64];

	entries = calloc(size / (uint64_t)page_bytes + 2, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < cnt; i++) {
		int err = count_present(fd, addresses[i], size, page_bytes, zero_frame, entries,
					&resident_bytes[i]);

		if (err)
			return err;
	}
	return 0;
}
