/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report on the sample heap, of a process that does not exist. Tests change what they want to see
 * reported: everything in here is plain memory.
 */
#pragma once

#include "output/report.h"
#include "sample_heap.h"

#define SAMPLE_BLOCKS_LISTED 2 /* at most, of each pinned arena */
#define SAMPLE_BELOW	     0.1
#define SAMPLE_PINNED_FOR_S  2.5

struct sample_report {
	struct target target;
	struct memory memory; /* no limit */
	char *cmdline[8];
	struct python python;
	struct findings findings;
	struct report_tracing tracing;
	struct counters counters;
	struct report report; /* points at the others; a snapshot, without tracing */
};

/* With a map or without; the heap is the sample's. */
void sample_report__init(struct sample_report *sample, bool with_map);
void sample_report__release(struct sample_report *sample);

/* What @write writes of it, NUL-terminated; the caller frees. */
char *sample_report__write(const struct sample_report *sample,
			   int (*write)(const struct report *report, FILE *out));
