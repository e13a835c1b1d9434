/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics of pyfrag's own work: what it has found and read, and what that has cost. They have no
 * labels.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "host/host.h"

/* What does not come from the host itself. */
struct host_metrics_extra {
	uint64_t alerts_firing, alerts_fired;
	uint64_t alerts_undelivered; /* messages of them that did not reach their destination */
	uint64_t connections_closed; /* for their time was over, or to make room */
	uint64_t reports_written;    /* for clients */
	uint64_t requests_refused;   /* for that client, or all, have asked for too much */
	uint64_t serving_held_back;  /* times that requests waited, as they took too much */
	uint64_t scrapes;
	double scrape_s;	      /* how long the last one took */
	double cpu_s, resident_bytes; /* what pyfrag takes itself */
};

void own_metrics__write(const struct host *host, const struct host_metrics_extra *extra,
			bool open_metrics, FILE *out);
