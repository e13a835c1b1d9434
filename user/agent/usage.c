// SPDX-License-Identifier: BSD-2-Clause
#include "agent/usage.h"

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "target/process.h"
#include "util/cleanup.h"

static double resident_bytes(pid_t pid)
{
	_cleanup_fclose_ FILE *file = NULL;
	unsigned long size, resident = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%lu %lu", &size, &resident) != 2)
		return 0;
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

struct usage usage__of(const pid_t *pids, size_t cnt)
{
	struct usage usage = {};

	for (size_t i = 0; i < cnt; i++) {
		uint64_t ns;

		if (!process__cpu_ns(pids[i], &ns))
			usage.cpu_s += (double)ns / 1e9;
		usage.resident_bytes += resident_bytes(pids[i]);
	}
	return usage;
}
