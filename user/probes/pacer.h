/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps what probes cost within the budget: takes growth probes out when they cost too much, puts
 * them back, and lets every allocation be seen for a moment now and then, when there is something
 * left.
 *
 * The BPF program adds up what hits cost and looks at none beyond the allowance, at once; user
 * space hears of it and detaches right after. Probes where arenas come and go are charged, but
 * stay.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "probes/budget.h"
#include "probes/loader.h"

struct pacer {
	struct probe_set *probes; /* not owned */
	struct budget budget;
	bool has_bursts; /* the burst's probes are prepared */
	bool growth_is_on;
	int overrun_fd; /* readable when hits have cost too much */
	uint64_t burst_cnt, burst_ns, burst_spent_ns;
	uint64_t growth_pauses, growth_resumptions;
};

/* @cpu_ns: of the target, by now. Returns 0 or negative errno. */
int pacer__init(struct pacer *pacer, struct probe_set *probes, double share, uint64_t cpu_ns,
		bool has_bursts);
void pacer__release(struct pacer *pacer);

/* There was an EVENT_OVERRUN. From any thread. */
void pacer__note_overrun(struct pacer *pacer);

/*
 * To be called some times a second, and when overrun_fd is readable, with the CPU time that the
 * target has used by now. May take some 50 ms, for a burst. Returns 0 or negative errno.
 */
int pacer__tick(struct pacer *pacer, uint64_t cpu_ns);
