// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/output.h"

#include <string.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/reader_gone.h"
#include "util/units.h"

/* Below this, reading takes no time worth a word. */
#define PROGRESS_BYTES_MIN (256UL << 20)

int output__find(const struct output *output, const struct heap *heap, struct findings *findings)
{
	const struct findings_options options = {
		.below = output->options->below,
		.blocks_per_arena_max = output->options->blocks_per_arena_max,
		.keeps_empty_arena = heap_source__keeps_empty_arena(output->source),
		.with_map = output->options->map,
	};

	return findings__collect(findings, heap,
				 output->process_gone ? NULL : output->source->target, &options,
				 output->history, clock_ns(CLOCK_MONOTONIC), output->counters);
}

struct output output__of_watched(struct watched *watched, const struct options *options)
{
	return (struct output){
		.options = options,
		.source = watched->source,
		.snapshot = {.duration_ms = watched->last.duration_ms,
			     .target_slept = watched->has_slept},
		.counters = &watched->last.counters,
	};
}

struct report output__describe(const struct output *output, const struct findings *findings,
			       char *host)
{
	struct report report = {
		.host = host,
		.target = output->source->target,
		.hides_cmdline = output->options->no_values,
		.python = output->source->python,
		.allocator = output->source->allocator_name,
		.findings = findings,
		.tracing = output->tracing,
		.sites = output->sites,
		.memory_use = output->memory_use,
		.outside = output->outside,
		.census = output->census,
		.holders = output->holders,
		.advices = output->advices,
		.arena = output->arena,
		.object = output->object,
		.snapshot = output->snapshot,
		.counters = output->counters,
	};

	memset(host, 0, OUTPUT_HOST_BYTES);
	gethostname(host, OUTPUT_HOST_BYTES - 1);
	clock_gettime(CLOCK_REALTIME, &report.time);
	return report;
}

int output__write(const struct output *output, const struct findings *findings)
{
	char host[OUTPUT_HOST_BYTES];
	const struct report report = output__describe(output, findings, host);
	int err;

	log_progress_done();
	err = output->options->format == FORMAT_JSON ? report__write_json(&report, stdout)
						     : report__write_text(&report, stdout);
	if (err && !reader_gone__check(stdout))
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
