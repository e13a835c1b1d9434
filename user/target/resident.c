// SPDX-License-Identifier: BSD-2-Clause
#include "target/resident.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/cleanup.h"

#define PAGE_PRESENT (1UL << 63)

static int count_present(int fd, uint64_t address, uint64_t size, long page_bytes,
			 uint64_t *entries, uint64_t *out)
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
		present += (entries[i] & PAGE_PRESENT) != 0;
	*out = present * (uint64_t)page_bytes;
	return 0;
}

int resident__measure(pid_t pid, const uint64_t *addresses, size_t cnt, uint64_t size,
		      uint64_t *resident_bytes)
{
	long page_bytes = sysconf(_SC_PAGESIZE);
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
		int err = count_present(fd, addresses[i], size, page_bytes, entries,
					&resident_bytes[i]);

		if (err)
			return err;
	}
	return 0;
}
