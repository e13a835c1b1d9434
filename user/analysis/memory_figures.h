/* SPDX-License-Identifier: BSD-2-Clause */
/* The few figures by which the memory of a process is watched, for metrics and alert rules. */
#pragma once

#include <stdint.h>

#include "analysis/process_memory.h"

#define FIGURE_UNKNOWN UINT64_MAX

/* Bytes, or FIGURE_UNKNOWN. Those of malloc are sums over all mallocs of glibc. */
struct memory_figures {
	uint64_t rss;
	uint64_t unexplained;	   /* resident */
	uint64_t malloc_in_use;	   /* chunks in use by the program */
	uint64_t malloc_free;	   /* free or cached chunks, and tops */
	uint64_t malloc_trimmable; /* what malloc_trim(0) would release */
};

#define MEMORY_FIGURES_UNKNOWN                                                                     \
	{                                                                                          \
		FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN     \
	}

/* Those of @memory; all unknown if it was not read. */
struct memory_figures memory_figures__of(const struct process_memory *memory);
