/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics in a format that Prometheus reads: OpenMetrics 1.0 (openmetrics.io) or, for clients that
 * do not request it, its predecessor, the text format 0.0.4. The two name a counter's family
 * differently, and only OpenMetrics has units and an end marker.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct metric_label {
	const char *name, *value; /* the value is untrusted text */
};

struct metric_family {
	const char *name; /* of a counter: without "_total" */
	const char *unit; /* the name ends with it; NULL: none */
	const char *help;
	bool is_counter; /* otherwise a gauge */
};

/* Starts a family; its samples follow. */
void open_metrics__begin(FILE *out, const struct metric_family *family, bool open_metrics);
void open_metrics__sample(FILE *out, const struct metric_family *family,
			  const struct metric_label *labels, size_t label_cnt, double value);

/* Ends the metrics; call it after the last sample. */
void open_metrics__end(FILE *out, bool open_metrics);
