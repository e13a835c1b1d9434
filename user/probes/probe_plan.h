/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decides when the sites of each type are probed: all the time, as long as the budget allows it, or
 * in bursts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "probes/loader.h"
#include "probes/sites.h"

struct probe_wishes {
	bool follow_blocks; /* each allocation and free, all the time */
	double budget;	    /* otherwise: share of the target's CPU time; 0: arena events only */
	bool no_bursts;
	bool can_switch; /* groups can be attached and detached: probe_set__can_switch() */
};

struct probe_plan {
	uint32_t types[PROBE_GROUP_CNT]; /* by group: a bit for each enum pyfrag_event_type */
	bool has_budget;		 /* there is a budget to keep */
	bool has_bursts;
};

struct probe_plan probe_plan__make(const struct probe_wishes *wishes, const struct site_set *sites);
