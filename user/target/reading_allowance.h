/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU time that one reading of a process may take. It grows with the memory that the process
 * has written, as the kernel counts it: what a process says of itself may be false, while who wants
 * more time has to have more memory. The scan of a program's code is allowed for by itself, in
 * proportion to the file.
 *
 * On one core of a virtual machine (x86-64, 3 GHz) honest work takes, for a GiB of small objects:
 * a look at a process, and a checkpoint of its heap, 0.1 s; with what kinds of objects there are
 * (--by type) 1.3 s; with all that refers to them 3 s, and by names (--by via) 8 s. A process of a
 * few MiB takes 0.02 s, and the scan of 1 MiB of code 0.14 s. What is allowed is more than ten
 * times that, and of what takes little even more: where the processor is emulated, all takes twenty
 * times as long.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "util/failure.h"

/* Of any process, and for each GiB that it has written. */
#define READING_BASE_S		     20.0
#define READING_HEAP_S_PER_GIB	     20.0
#define READING_REFERENCES_S_PER_GIB 100.0
/* For each MiB of a file that is scanned. */
#define SCAN_S_PER_MIB 4.0

enum reading_kind {
	READING_HEAP,	    /* looks, checkpoints, kinds of objects */
	READING_REFERENCES, /* as that, and what refers to what */
};

/*
 * Begins the allowance (util/cpu_allowance.h) of the calling thread for a reading of process @pid:
 * @max_s seconds, or, if that is 0, as many as its memory gives it.
 */
void reading_allowance__begin(enum reading_kind kind, pid_t pid, double max_s);

/* The same for a scan of the code in the file @fd. Holes in it give no time. */
void reading_allowance__begin_scan(int fd, double max_s);

/* Says that a reading was ended because its time was used up. Returns -ETIME. */
int reading_allowance__describe(pid_t pid, struct failure *failure);

/*
 * Ends it. Returns @err, what has become of the reading; or -ETIME, with the reason in @failure: it
 * was ended because the time was used up, whatever its parts have made of that.
 */
int reading_allowance__end(pid_t pid, int err, struct failure *failure);

/* The seconds that a process gets that has written @bytes of memory. */
double reading_allowance__seconds(enum reading_kind kind, uint64_t bytes);
