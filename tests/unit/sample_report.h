/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report on the sample heap, for a process that does not exist. Tests change the values that they
 * want to see reported: everything in here is plain memory.
 */
#pragma once

#include "output/report.h"
#include "sample_heap.h"

#define SAMPLE_BLOCKS_LISTED 2 /* the maximum for each pinned arena */
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
	struct report report; /* points to the other members; a snapshot, without tracing */
};

/* With or without a map; uses the sample heap. */
void sample_report__init(struct sample_report *sample, bool with_map);
void sample_report__release(struct sample_report *sample);

/* The output of @write, NUL-terminated; the caller frees it. */
char *sample_report__write(const struct sample_report *sample,
			   int (*write)(const struct report *report, FILE *out));
