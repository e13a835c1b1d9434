/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report to stdout, as the options want it.
 */
#pragma once

#include "cmd/options.h"
#include "host/watched.h"
#include "output/report.h"
#include "pymalloc/heap_source.h"
#include "pymalloc/pinned.h"

struct output {
	const struct options *options;
	const struct heap_source *source;
	bool process_gone;		       /* nothing can be asked of it any more */
	const struct report_tracing *tracing;  /* NULL: a snapshot */
	const struct site_ranking *sites;      /* NULL: none are known */
	const struct memory_use *memory_use;   /* NULL: not known */
	const struct outside_objects *outside; /* NULL: not known */
	const struct census_report *census;    /* NULL: none was taken */
	const struct pin_holders *holders;     /* NULL: nobody looked for them */
	const struct advices *advices;	       /* with holders: what would help */
	const struct arena_report *arena;      /* NULL: nobody asked for one */
	const struct object_report *object;    /* NULL: nobody asked for one */
	struct report_snapshot snapshot;
	struct pinned_history *history;
	struct counters *counters;
};

/* What is known of a process that is watched with others. */
struct output output__of_watched(struct watched *watched, const struct options *options);

#define OUTPUT_HOST_BYTES 256

/*
 * The report of all this, as of now. @host: room for OUTPUT_HOST_BYTES; it belongs to the report.
 */
struct report output__describe(const struct output *output, const struct findings *findings,
			       char *host);

/* Works out what is to be said of @heap. Returns 0 or -ENOMEM; the caller frees the findings. */
int output__find(const struct output *output, const struct heap *heap, struct findings *findings);

/* Writes one report. On failure says so on stderr and returns negative errno. */
int output__write(const struct output *output, const struct findings *findings);

/* Progress of a checkpoint for checkpoint_options; silent for small heaps. */
int output__show_progress(uint64_t done_bytes, uint64_t total_bytes, void *context);
