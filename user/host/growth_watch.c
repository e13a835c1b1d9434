// SPDX-License-Identifier: BSD-2-Clause
#include "host/growth_watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "probes/loader.h"
#include "target/python.h"
#include "target/shortage.h"
#include "trace/allocation_sites.h"
#include "trace/probing.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* An agent has little memory, and a Python has several megabytes of code. */
#define CODE_BYTES_MAX (64UL << 20)
#define RING_BYTES     (1UL << 20)

struct growth_watch {
	struct heap_source *source;
	struct tracer *tracer;
	struct allocation_sites sites;
};

void growth_watch__stop(struct growth_watch *watch)
{
	if (!watch)
		return;
	tracer__free(watch->tracer);
	allocation_sites__release(&watch->sites);
	free(watch);
}

static void growth_watch__stopp(struct growth_watch **watch)
{
	growth_watch__stop(*watch);
}

int growth_watch__start(struct growth_watch **out, struct heap_source *source, double budget,
			struct failure *failure)
{
	const struct tracer_options tracer_options = {.budget = budget,
						      .no_bursts = true,
						      .with_stacks = true,
						      .ring_bytes = RING_BYTES,
						      .code_bytes_max = CODE_BYTES_MAX};
	const struct allocation_sites_options sites_options = {.max = SITES_REPORTED_MAX};
	_cleanup_(growth_watch__stopp) struct growth_watch *watch = calloc(1, sizeof(*watch));
	int err;

	if (!watch)
		return failure__set(failure, -ENOMEM, "out of memory");
	watch->source = source;
	err = probing__start(&watch->tracer, source->target->pid, source->python->module,
			     &tracer_options, true, failure);
	elf_file__forget(source->python->module->elf);
	if (err)
		return err;
	err = allocation_sites__prepare(&watch->sites, watch->tracer, source, &sites_options);
	if (err)
		return shortage__describe(source->target, err, failure);
	err = tracer__follow(watch->tracer, source, allocation_sites__runtime(&watch->sites), false,
			     failure);
	if (err)
		return err;
	allocation_sites__start(&watch->sites);
	*out = TAKE_PTR(watch);
	return 0;
}

int growth_watch__tend(struct growth_watch *watch)
{
	struct pollfd forked = {.fd = tracer__fork_fd(watch->tracer), .events = POLLIN};
	struct pollfd keeper = {.fd = tracer__keeper_fd(watch->tracer), .events = POLLIN};
	int err;

	if (poll(&keeper, 1, 0) > 0)
		return -EPIPE;
	err = tracer__keep_budget(watch->tracer);
	if (!err && poll(&forked, 1, 0) > 0)
		err = tracer__spare_children(watch->tracer);
	if (err && target__is_alive(watch->source->target))
		log_debug("process %d: cannot insert or remove probes: %s",
			  watch->source->target->pid, probe_set__error_text(err));
	return err == -EOWNERDEAD ? err : 0;
}

/* Evaluates the heap while its events are held. */
static int collect(struct growth_watch *watch, const struct tracer_view *view,
		   const struct findings_options *options, struct pinned_history *history,
		   struct counters *counters, struct growth_reading *out)
{
	_cleanup_(site_ranking__free) struct site_ranking ranking = {};
	_cleanup_(findings__free) struct findings findings = {};
	struct failure failure;
	int err = findings__collect(&findings, view->heap, watch->source->target, options, history,
				    clock_ns(CLOCK_MONOTONIC), counters);

	if (!err && watch->sites.ledger)
		err = allocation_sites__collect(&watch->sites, view->heap, &view->totals, &findings,
						counters, &ranking);
	if (!err)
		err = pin_summary__add_sites(&out->pins, &ranking, out->sites_max);
	if (!err && out->with_kinds &&
	    pin_summary__add_kinds(&out->pins, watch->source, view->heap, &findings.pinned,
				   &failure))
		log_debug("%s", failure.text);
	if (err)
		return err;
	out->findings = findings;
	findings = (struct findings){};
	return 0;
}

int growth_watch__read(struct growth_watch *watch, const struct heap_reading_options *options,
		       const struct findings_options *findings_options,
		       struct pinned_history *history, struct counters *counters,
		       struct growth_reading *out, struct failure *failure)
{
	struct heap_reading reading;
	struct tracer_view view;
	int err = tracer__checkpoint(watch->tracer, options, &reading, counters, failure);

	if (err)
		return err;
	out->duration_ms = reading.duration_ms;
	tracer__read_counters(watch->tracer, counters);
	tracer__hold(watch->tracer, &view);
	err = collect(watch, &view, findings_options, history, counters, out);
	tracer__resume(watch->tracer);
	if (account__is_short(err))
		return shortage__describe(watch->source->target, err, failure);
	return err ? failure__set(failure, err, "process %d: cannot evaluate its heap: %s",
				  watch->source->target->pid, strerror(-err))
		   : 0;
}
