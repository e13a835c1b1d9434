/* SPDX-License-Identifier: BSD-2-Clause */
/* How to read a process, or the database of a heap, and the limits for it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct reading_options {
	bool pause;		   /* stop the process while reading */
	bool swapped;		   /* also read pages that are swapped out */
	uint64_t max_memory_bytes; /* our memory, for all data read or derived */
	/* CPU time of one reading of a process; 0: depends on its size, see reading_allowance.h */
	double max_cpu_s;
	double database_cpu_s; /* CPU time of all queries of a database together */
};
