/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics of pyfrag's own work: what it found and read, and what that cost. They have no labels. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "host/host.h"

/* Values that do not come from struct host. */
struct host_metrics_extra {
	uint64_t alerts_firing, alerts_fired;
	uint64_t alerts_undelivered; /* alert messages that were not delivered */
	uint64_t connections_closed; /* at their deadline or to make room */
	uint64_t reports_written;    /* for clients */
	uint64_t requests_refused;   /* because one client, or all, requested too much */
	uint64_t serving_held_back;  /* how many times all requests had to wait for CPU time */
	uint64_t scrapes;
	double scrape_s;	      /* duration of the last one */
	double cpu_s, resident_bytes; /* used by pyfrag itself */
};

void own_metrics__write(const struct host *host, const struct host_metrics_extra *extra,
			bool open_metrics, FILE *out);
