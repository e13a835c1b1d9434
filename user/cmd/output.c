// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/output.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "report/findings.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/units.h"

/* Below this, reading takes no time worth a word. */
#define PROGRESS_BYTES_MIN (256UL << 20)

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int write_report(const struct output *output, const struct heap *heap)
{
	const struct options *options = output->options;
	const struct findings_options findings_options = {
		.below = options->below,
		.blocks_per_arena_max = options->blocks_per_arena_max,
		.keeps_empty_arena = heap_source__keeps_empty_arena(output->source),
	};
	_cleanup_(findings__free) struct findings findings = {};
	const struct process *process = output->source->process;
	char host[256] = "";
	struct report report;
	int err;

	err = findings__collect(&findings, heap, output->process_gone ? NULL : process,
				&findings_options, output->history, monotonic_ns(),
				output->counters);
	if (err)
		return err;
	gethostname(host, sizeof(host) - 1);
	report = (struct report){
		.host = host,
		.process = process,
		.python = output->source->python,
		.allocator = output->source->allocator_name,
		.heap = heap,
		.measure = &findings.measure,
		.resident_bytes = findings.resident_bytes,
		.pinned = &findings.pinned,
		.tracing = output->tracing,
		.snapshot = output->snapshot,
		.counters = output->counters,
		.with_map = options->map,
	};
	clock_gettime(CLOCK_REALTIME, &report.time);
	return options->json ? report__write_json(&report, stdout)
			     : report__write_text(&report, stdout);
}

int output__write(const struct output *output, const struct heap *heap)
{
	int err;

	log_progress_done();
	err = write_report(output, heap);
	if (err)
		log_error("cannot write the report to stdout: %s", strerror(-err));
	return err;
}

int output__show_progress(uint64_t done_bytes, uint64_t total_bytes, void *context)
{
	(void)context;
	if (total_bytes >= PROGRESS_BYTES_MIN)
		log_progress("reading the heap: %s of %s", units__bytes(done_bytes).text,
			     units__bytes(total_bytes).text);
	return 0;
}
