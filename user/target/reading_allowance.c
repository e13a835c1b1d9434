// SPDX-License-Identifier: BSD-2-Clause
#include "target/reading_allowance.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "target/proc_fields.h"
#include "target/proc_text.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

#define COMM_BYTES_MAX 64
#define BLOCK_BYTES    512 /* unit of st_blocks, whatever the file system's */

double reading_allowance__seconds(enum reading_kind kind, uint64_t bytes)
{
	double s_per_gib =
		kind == READING_HEAP ? READING_HEAP_S_PER_GIB : READING_REFERENCES_S_PER_GIB;

	return READING_BASE_S + s_per_gib * (double)bytes / (double)(1UL << 30);
}

/* What the process has written; 0 if that cannot be read, for example because it is gone. */
static uint64_t written_bytes(pid_t pid)
{
	_cleanup_(proc_text__release) struct proc_text status = {};
	uint64_t bytes;

	if (proc_text__read_status(&status, pid) ||
	    proc_fields__written_bytes(status.bytes, &bytes))
		return 0;
	return bytes;
}

static void begin(double seconds)
{
	cpu_allowance__begin((uint64_t)(seconds * 1e9));
}

void reading_allowance__begin(enum reading_kind kind, pid_t pid, double max_s)
{
	begin(max_s > 0 ? max_s : reading_allowance__seconds(kind, written_bytes(pid)));
}

void reading_allowance__begin_scan(int fd, double max_s)
{
	struct stat status;
	double bytes = fstat(fd, &status) ? 0 : (double)status.st_blocks * BLOCK_BYTES;

	begin(max_s > 0 ? max_s : READING_BASE_S + SCAN_S_PER_MIB * bytes / (double)(1UL << 20));
}

int reading_allowance__describe(pid_t pid, struct failure *failure)
{
	_cleanup_(proc_text__release) struct proc_text comm = {};
	const char *name = "?"; /* the process may be gone */

	if (!proc_text__read(&comm, pid, "comm", COMM_BYTES_MAX)) {
		comm.bytes[strcspn(comm.bytes, "\n")] = '\0';
		name = comm.bytes;
	}
	return failure__set(failure, -ETIME,
			    "process %d (%s): reading it exceeds the CPU time limit; its "
			    "structures may be damaged or forged, or the limit too low (--max-cpu)",
			    pid, name);
}

int reading_allowance__end(pid_t pid, int err, struct failure *failure)
{
	return cpu_allowance__end() ? reading_allowance__describe(pid, failure) : err;
}
