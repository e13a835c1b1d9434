/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a process may be read, or the database of a heap, and what that may take.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct reading_options {
	bool pause;		   /* stop the process meanwhile */
	uint64_t max_memory_bytes; /* our memory, for everything that is made of it */
	/* CPU time of one reading of a process; 0: by its size, see reading_allowance.h */
	double max_cpu_s;
	double database_cpu_s; /* CPU time that all questions to a database may take */
};
