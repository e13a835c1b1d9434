// SPDX-License-Identifier: BSD-2-Clause
#include "sample_report.h"

#include <string.h>

#include "unit_test.h"

#define NS_PER_S 1000000000UL

static void collect_findings(struct sample_report *sample, bool with_map)
{
	const struct findings_options options = {
		.below = SAMPLE_BELOW,
		.blocks_per_arena_max = SAMPLE_BLOCKS_LISTED,
		.with_map = with_map,
	};
	struct pinned_history history = {};
	struct heap *heap = sample_heap__new();

	/* Twice, so that the pinned arenas have been pinned for a while. */
	assert_int_equal(findings__collect(&sample->findings, heap, NULL, &options, &history,
					   NS_PER_S, &sample->counters),
			 0);
	findings__free(&sample->findings);
	sample->counters = (struct counters){};
	assert_int_equal(findings__collect(&sample->findings, heap, NULL, &options, &history,
					   NS_PER_S + (uint64_t)(SAMPLE_PINNED_FOR_S * NS_PER_S),
					   &sample->counters),
			 0);
	pinned_history__free(&history);
	heap__free(heap);
}

void sample_report__init(struct sample_report *sample, bool with_map)
{
	*sample = (struct sample_report){
		.target =
			{
				.pid = 4242,
				.comm = "python3",
				.exe = "/usr/bin/python3.9",
				.cgroup = "/system.slice/app.service",
			},
		.cmdline = {"python3", "app.py", "--port", "80"},
		.python = {.version = "3.9.2", .major = 3, .minor = 9},
		.tracing = {.mode = "full"},
	};
	sample->target.memory = &sample->memory;
	sample->target.cmdline = sample->cmdline;
	collect_findings(sample, with_map);
	sample->report = (struct report){
		.time = {.tv_sec = 1000000000, .tv_nsec = 7999999},
		.host = "host.example",
		.target = &sample->target,
		.python = &sample->python,
		.allocator = "pymalloc",
		.findings = &sample->findings,
		.snapshot = {.duration_ms = 12.5},
		.counters = &sample->counters,
	};
}

void sample_report__release(struct sample_report *sample)
{
	findings__free(&sample->findings);
}

char *sample_report__write(const struct sample_report *sample,
			   int (*write)(const struct report *report, FILE *out))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(write(&sample->report, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(strlen(text), size);
	return text;
}
