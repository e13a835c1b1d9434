/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF programs for one target: loads them, attaches them to its sites, and detaches them when
 * the object is freed. Nothing else uses the skeleton.
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
	size_t site_cnt;   /* approximate number of sites */
	struct hit_cost hit_cost;
	/*
	 * The probed module: sites are checked against the target's memory first (site_check.h).
	 * NULL: our own code.
	 */
	const struct module *module;
	uint64_t code_bytes_max; /* limit for its code; 0: that of elf_file__code() */
	bool has_budget;  /* probe_set__allow() will be called; without it hits cannot be ignored */
	bool with_stacks; /* probe_set__enable_stacks() will be called */
};

/* Probes that are attached and detached together. */
enum probe_group {
	PROBES_LASTING,
	PROBES_GROWTH, /* where the heap takes and returns pools */
	PROBES_BURST,  /* every allocation and free, for a short time */
	PROBE_GROUP_CNT,
};

/*
 * Loads the programs. A keeper holds everything that puts breakpoints into the target, so
 * keeper__start() must have been called. Errors (-EPERM, -ENOTSUP, ...) are described in @failure.
 * The caller frees *out.
 */
int probe_set__new(struct probe_set **out, const struct probe_options *options,
		   const struct features *features, struct failure *failure);

/* Detaches everything and frees. */
void probe_set__free(struct probe_set *probes);
void probe_set__freep(struct probe_set **probes);

/*
 * Attaches to the sites of @types (a bit for each enum pyfrag_event_type) in the file @fd, which
 * the target has mapped with @bias, as one group: with one uprobe_multi link if that works,
 * otherwise with perf events. PROBES_BURST is only prepared, not attached yet. Sites where the
 * target's code is not what they expect are dropped first (site_check.h). Adds the number of
 * attached sites to *attached, and the number of those that the kernel rejects to *unusable.
 */
int probe_set__attach_sites(struct probe_set *probes, enum probe_group group,
			    const struct site_set *sites, uint32_t types, int fd, uint64_t bias,
			    size_t *attached, uint64_t *unusable, struct failure *failure);

/* Whether groups can be switched on and off: only with uprobe_multi, perf events are too slow. */
bool probe_set__can_switch(const struct probe_set *probes);

/*
 * Attaches or detaches a group; before attaching, its sites are checked again. Takes some 10 ms.
 * Returns 0; -EOWNERDEAD: it cannot be attached because the target's first thread has ended; or
 * another negative errno.
 */
int probe_set__switch(struct probe_set *probes, enum probe_group group, bool on);

/*
 * From now on, records hits of @kind until all hits since the beginning have cost @allowance_ns
 * (initially UINT64_MAX). After that there is an EVENT_OVERRUN, and hits of @kind are ignored.
 */
void probe_set__allow(struct probe_set *probes, enum pyfrag_allowance kind, uint64_t allowance_ns);

/* Ignores hits of @kind from now on, without an EVENT_OVERRUN. */
void probe_set__ignore(struct probe_set *probes, enum pyfrag_allowance kind);

/* Adds other costs of tracing to those of the hits. */
void probe_set__charge(struct probe_set *probes, uint64_t ns);

/* The cost of all hits, at the calibrated cost per hit, plus what was charged; ns. */
uint64_t probe_set__spent_ns(const struct probe_set *probes);

/* Reads the number of hits, indexed by enum pyfrag_hits. */
void probe_set__read_hits(const struct probe_set *probes, uint64_t *hits);

/* Attaches to exec and fork. */
int probe_set__attach_life(struct probe_set *probes, struct failure *failure);

/*
 * Removes the probes from child processes of the target, where the kernel does not (see
 * multi_link.h). Returns the same as probe_set__switch().
 */
int probe_set__spare_children(struct probe_set *probes);

/* Like strerror(), for errors of the functions above. */
const char *probe_set__error_text(int err);

/*
 * A file descriptor that becomes readable when the keeper, and with it all probes, is gone. The
 * probe set owns it.
 */
int probe_set__keeper_fd(const struct probe_set *probes);

/* From now on, records stacks as specified by @stacks. */
void probe_set__enable_stacks(struct probe_set *probes, const struct pyfrag_stacks *stacks);

/* Makes the BPF program send the stack @number again when it next encounters it. */
void probe_set__forget_stack(struct probe_set *probes, uint64_t number);

/* The file descriptor of the ring buffer map. */
int probe_set__ring_fd(const struct probe_set *probes);

/*
 * Sets the counters of the BPF programs, summed over all CPUs, and COUNTER_SITES_MISMATCHED, the
 * number of sites that the check has dropped. Leaves others alone.
 */
void probe_set__read_counters(const struct probe_set *probes, struct counters *counters);
