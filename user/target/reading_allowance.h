/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU time that one reading of a process may take. It grows with the memory that the process
 * has written, as counted by the kernel: what a process says about itself may be false, but a
 * process that is to get more time needs more memory. The scan of a program's code has an allowance
 * of its own, in proportion to the file.
 *
 * On one core of a virtual machine (x86-64, 3 GHz), a GiB of small objects takes 0.1 s to examine
 * the process and take a checkpoint of its heap, 1.3 s with the kinds of objects (--by type), 3 s
 * with all references to them, and 8 s with names (--by via). A process of a few MiB takes 0.02 s,
 * and the scan of 1 MiB of code 0.14 s. The allowance is more than ten times that, and more still
 * for what takes little time: on an emulated processor, everything takes twenty times as long.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "util/failure.h"

/* For any process, and for each GiB that it has written. */
#define READING_BASE_S		     20.0
#define READING_HEAP_S_PER_GIB	     20.0
#define READING_REFERENCES_S_PER_GIB 100.0
/* For each MiB of a file that is scanned. */
#define SCAN_S_PER_MIB 4.0

enum reading_kind {
	READING_HEAP,	    /* examination, checkpoints, kinds of objects */
	READING_REFERENCES, /* the same, and references to objects */
};

/*
 * Begins the allowance (util/cpu_allowance.h) of the calling thread for a reading of process @pid:
 * @max_s seconds or, if that is 0, according to its memory.
 */
void reading_allowance__begin(enum reading_kind kind, pid_t pid, double max_s);

/*
 * As reading_allowance__begin(), for a scan of the code in the file @fd. Holes in the file do not
 * count.
 */
void reading_allowance__begin_scan(int fd, double max_s);

/* Describes in @failure that a reading was ended because its time was used up. Returns -ETIME. */
int reading_allowance__describe(pid_t pid, struct failure *failure);

/*
 * Ends the allowance. Returns @err, the result of the reading; or -ETIME, described in @failure, if
 * the time was used up, whatever the result.
 */
int reading_allowance__end(pid_t pid, int err, struct failure *failure);

/* The seconds allowed for a process that has written @bytes of memory. */
double reading_allowance__seconds(enum reading_kind kind, uint64_t bytes);
