/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics as Prometheus reads them: OpenMetrics 1.0 (openmetrics.io) or, for those who do not ask
 * for that, the text format 0.0.4 that was before it. They differ in how a counter's family is
 * named, and in that the former has units and an end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct metric_label {
	const char *name, *value; /* the value is of any origin */
};

struct metric_family {
	const char *name; /* of a counter without "_total" */
	const char *unit; /* NULL: none; else the name ends with it */
	const char *help;
	bool is_counter; /* else a gauge */
};

/* Begins a family; its samples follow. */
void open_metrics__begin(FILE *out, const struct metric_family *family, bool open_metrics);
void open_metrics__sample(FILE *out, const struct metric_family *family,
			  const struct metric_label *labels, size_t label_cnt, double value);

/* After the last one. */
void open_metrics__end(FILE *out, bool open_metrics);
