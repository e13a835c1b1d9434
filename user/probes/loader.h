/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF programs: loaded for one target, attached to its sites, detached with the object. This is
 * the only place that knows the skeleton.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "probes/features.h"
#include "probes/hit_cost.h"
#include "probes/sites.h"
#include "pyfrag/events.h"
#include "pyfrag/stacks.h"
#include "target/module.h"
#include "util/counters.h"
#include "util/failure.h"

struct probe_set;

struct probe_options {
	pid_t pid;	   /* of the target, in our pid namespace */
	size_t ring_bytes; /* a power of two */
	size_t site_cnt;   /* about how many sites there will be */
	struct hit_cost hit_cost;
	/*
	 * What is probed: sites are checked against the target's memory first (site_check.h). NULL:
	 * our own code.
	 */
	const struct module *module;
	uint64_t code_bytes_max; /* of that; 0: as elf_file__code() has it */
	bool has_budget;  /* probe_set__allow() will be called; else hits cannot be ignored */
	bool with_stacks; /* probe_set__enable_stacks() will be called */
};

/* Probes that come and go together. */
enum probe_group {
	PROBES_LASTING,
	PROBES_GROWTH, /* where the heap takes pools */
	PROBES_BURST,  /* every allocation and free, for a moment */
	PROBE_GROUP_CNT,
};

/*
 * Loads the programs. What puts breakpoints into the target is held by a keeper: keeper__start()
 * must have been called. Errors (-EPERM, -ENOTSUP, ...) are described. The caller frees.
 */
int probe_set__new(struct probe_set **out, const struct probe_options *options,
		   const struct features *features, struct failure *failure);

/* Detaches everything and frees. */
void probe_set__free(struct probe_set *probes);
void probe_set__freep(struct probe_set **probes);

/*
 * Attaches to the sites of @types (a bit for each enum pyfrag_event_type) in the file behind @fd,
 * which the target has mapped with @bias, as one group: by one uprobe_multi link where that works,
 * else by perf events. PROBES_BURST are not attached yet, only prepared. Just before, sites are
 * dropped where the target has other code than the site claims (site_check.h). Adds to *attached
 * the sites attached; those that the kernel refuses are counted in *unusable.
 */
int probe_set__attach_sites(struct probe_set *probes, enum probe_group group,
			    const struct site_set *sites, uint32_t types, int fd, uint64_t bias,
			    size_t *attached, uint64_t *unusable, struct failure *failure);

/* Whether groups can be switched on and off: with uprobe_multi only, perf events go too slowly. */
bool probe_set__can_switch(const struct probe_set *probes);

/*
 * Attaches or detaches a group; sites are checked again before. Takes some 10 ms. Returns 0,
 * -EOWNERDEAD: the target's first thread has ended, so it cannot be attached; or negative errno.
 */
int probe_set__switch(struct probe_set *probes, enum probe_group group, bool on);

/*
 * From here on hits of @kind are looked at while all hits together have cost no more than
 * @allowance_ns since the beginning (UINT64_MAX at first); beyond, there is an EVENT_OVERRUN, and
 * they are ignored.
 */
void probe_set__allow(struct probe_set *probes, enum pyfrag_allowance kind, uint64_t allowance_ns);

/* As if all were spent: hits of @kind are ignored from here on, and nothing is said about it. */
void probe_set__ignore(struct probe_set *probes, enum pyfrag_allowance kind);

/* Adds what else tracing has cost the target. */
void probe_set__charge(struct probe_set *probes, uint64_t ns);

/* What all hits have cost, as they were calibrated, and what was charged. */
uint64_t probe_set__spent_ns(const struct probe_set *probes);

/* How many hits there were, by enum pyfrag_hits. */
void probe_set__read_hits(const struct probe_set *probes, uint64_t *hits);

/* Attaches to exec and fork. */
int probe_set__attach_life(struct probe_set *probes, struct failure *failure);

/*
 * Takes the probes out of the processes that the target has forked, where the kernel does not (see
 * multi_link.h). Returns as probe_set__switch().
 */
int probe_set__spare_children(struct probe_set *probes);

/* What went wrong, as strerror() has it: @err is a result of the functions above. */
const char *probe_set__error_text(int err);

/*
 * A file descriptor, the probe set's, that becomes readable when the keeper is gone, and with it
 * all probes.
 */
int probe_set__keeper_fd(const struct probe_set *probes);

/* From here on what @stacks says is recorded with its stack. */
void probe_set__enable_stacks(struct probe_set *probes, const struct pyfrag_stacks *stacks);

/* The stack that was sent as @number is to be sent again when it is next met. */
void probe_set__forget_stack(struct probe_set *probes, uint64_t number);

/* File descriptor of the ring buffer map. */
int probe_set__ring_fd(const struct probe_set *probes);

/*
 * Sets the counters of BPF programs, each summed over all CPUs, and COUNTER_SITES_MISMATCHED: how
 * many sites the check has dropped. Others are left alone.
 */
void probe_set__read_counters(const struct probe_set *probes, struct counters *counters);
