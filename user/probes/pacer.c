// SPDX-License-Identifier: BSD-2-Clause
#include "probes/pacer.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "util/cleanup.h"
#include "util/clock.h"

static struct budget_state state_at(const struct pacer *pacer, uint64_t cpu_ns)
{
	return (struct budget_state){.cpu_ns = cpu_ns,
				     .spent_ns = probe_set__spent_ns(pacer->probes),
				     .burst_spent_ns = pacer->burst_spent_ns};
}

static void allow_growth(struct pacer *pacer, uint64_t cpu_ns)
{
	struct budget_state state = state_at(pacer, cpu_ns);

	probe_set__allow(pacer->probes, ALLOW_GROWTH, budget__allowance_ns(&pacer->budget, &state));
}

int pacer__init(struct pacer *pacer, struct probe_set *probes, double share, uint64_t cpu_ns,
		bool has_bursts)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	*pacer = (struct pacer){
		.probes = probes,
		.budget = {.share = share, .cpu_start_ns = cpu_ns},
		.has_bursts = has_bursts,
		.growth_is_on = true,
		.overrun_fd = fd,
	};
	allow_growth(pacer, cpu_ns);
	return 0;
}

void pacer__release(struct pacer *pacer)
{
	closep(&pacer->overrun_fd);
	pacer->overrun_fd = -1;
}

void pacer__note_overrun(struct pacer *pacer)
{
	eventfd_write(pacer->overrun_fd, 1);
}

/* Waits for an overrun. Returns false if there is none in time. */
static bool wait_for_overrun(const struct pacer *pacer, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = pacer->overrun_fd, .events = POLLIN};
	eventfd_t cnt;

	if (poll(&poll_fd, 1, timeout_ms) <= 0)
		return false;
	return !eventfd_read(pacer->overrun_fd, &cnt);
}

/*
 * Records every allocation and free until the time or the allowance is used up. While probes are
 * inserted and removed, the target may have to wait for its own memory map, so a burst is charged
 * at least its duration.
 */
static int burst(struct pacer *pacer, uint64_t limit_ns)
{
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC),
		 spent_ns = probe_set__spent_ns(pacer->probes);
	uint64_t elapsed_ns, hits_ns;
	int err;

	/* The cost of a burst does not count against growth: if growth is watched, it stays so. */
	if (pacer->growth_is_on)
		probe_set__allow(pacer->probes, ALLOW_GROWTH, UINT64_MAX);
	probe_set__allow(pacer->probes, ALLOW_BLOCKS, limit_ns);
	err = probe_set__switch(pacer->probes, PROBES_BURST, true);
	if (err)
		return err;
	wait_for_overrun(pacer, BUDGET_BURST_NS / 1000000);
	probe_set__ignore(pacer->probes, ALLOW_BLOCKS);
	err = probe_set__switch(pacer->probes, PROBES_BURST, false);
	elapsed_ns = clock_ns(CLOCK_MONOTONIC) - start_ns;
	hits_ns = probe_set__spent_ns(pacer->probes) - spent_ns;
	if (hits_ns < elapsed_ns)
		probe_set__charge(pacer->probes, elapsed_ns - hits_ns);
	pacer->burst_spent_ns += hits_ns < elapsed_ns ? elapsed_ns : hits_ns;
	pacer->burst_ns += elapsed_ns;
	pacer->burst_cnt++;
	wait_for_overrun(pacer, 0);
	return err;
}

static int switch_growth(struct pacer *pacer, bool on)
{
	if (pacer->growth_is_on == on)
		return 0;
	pacer->growth_is_on = on;
	pacer->growth_pauses += !on;
	return probe_set__can_switch(pacer->probes)
		       ? probe_set__switch(pacer->probes, PROBES_GROWTH, on)
		       : 0;
}

int pacer__tick(struct pacer *pacer, uint64_t cpu_ns)
{
	struct budget_state state = state_at(pacer, cpu_ns);
	bool growth_was_on = pacer->growth_is_on;
	uint64_t limit_ns;
	int err = 0;

	if (wait_for_overrun(pacer, 0))
		err = switch_growth(pacer, false);
	else if (budget__can_watch_growth(&pacer->budget, &state))
		err = switch_growth(pacer, true);
	if (!err && pacer->has_bursts && budget__can_burst(&pacer->budget, &state, &limit_ns))
		err = burst(pacer, limit_ns);
	if (pacer->growth_is_on)
		allow_growth(pacer, cpu_ns);
	pacer->growth_resumptions += pacer->growth_is_on && !growth_was_on;
	if (!pacer->growth_is_on)
		probe_set__ignore(pacer->probes, ALLOW_GROWTH);
	return err;
}
