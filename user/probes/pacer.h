/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps the cost of probes within the budget. It detaches growth probes when they cost too much,
 * and attaches them again later. When some budget is left, it begins a burst: for a short time,
 * every allocation is recorded.
 *
 * The BPF program adds up the cost of hits and at once ignores those beyond the allowance. User
 * space is notified and detaches the probes right after. Probes where arenas are mapped and
 * unmapped are charged, but always stay attached.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "probes/budget.h"
#include "probes/loader.h"

struct pacer {
	struct probe_set *probes; /* not owned */
	struct budget budget;
	bool has_bursts; /* the probes for bursts are prepared */
	bool growth_is_on;
	int overrun_fd; /* readable when hits have cost too much */
	uint64_t burst_cnt, burst_ns, burst_spent_ns;
	uint64_t growth_pauses, growth_resumptions;
};

/* @cpu_ns: the target's CPU time so far. Returns 0 or negative errno. */
int pacer__init(struct pacer *pacer, struct probe_set *probes, double share, uint64_t cpu_ns,
		bool has_bursts);
void pacer__release(struct pacer *pacer);

/* Call it on an EVENT_OVERRUN, from any thread. */
void pacer__note_overrun(struct pacer *pacer);

/*
 * Call it several times a second, and when overrun_fd is readable, with the CPU time that the
 * target has used so far. Takes up to about 50 ms if there is a burst. Returns 0 or negative errno.
 */
int pacer__tick(struct pacer *pacer, uint64_t cpu_ns);
