// SPDX-License-Identifier: BSD-2-Clause
#include "agent/usage.h"

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "target/live_activity.h"
#include "target/proc_text.h"
#include "util/cleanup.h"

/* Room for the seven numbers of /proc/PID/statm (proc_pid_statm(5)). */
#define STATM_BYTES_MAX 256

struct footprint {
	double all_bytes, file_bytes; /* resident; of these, file-backed or shared */
};

static struct footprint footprint_of(pid_t pid)
{
	_cleanup_(proc_text__release) struct proc_text text = {};
	unsigned long size, resident = 0, shared = 0;
	double page = (double)sysconf(_SC_PAGESIZE);

	if (proc_text__read(&text, pid, "statm", STATM_BYTES_MAX) ||
	    sscanf(text.bytes, "%lu %lu %lu", &size, &resident, &shared) != 3)
		return (struct footprint){};
	return (struct footprint){.all_bytes = (double)resident * page,
				  .file_bytes = (double)shared * page};
}

/*
 * The processes are forks of one program and share its file pages, so these are counted once: the
 * largest number is taken.
 */
struct usage usage__of(const pid_t *pids, size_t cnt)
{
	struct usage usage = {};
	double file_bytes = 0;

	for (size_t i = 0; i < cnt; i++) {
		struct footprint memory = footprint_of(pids[i]);
		uint64_t ns;

		if (!live_activity__cpu_ns(pids[i], &ns))
			usage.cpu_s += (double)ns / 1e9;
		usage.resident_bytes += memory.all_bytes - memory.file_bytes;
		if (memory.file_bytes > file_bytes)
			file_bytes = memory.file_bytes;
	}
	usage.resident_bytes += file_bytes;
	return usage;
}
