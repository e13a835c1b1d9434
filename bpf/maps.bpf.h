/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The maps, and the constants that user space sets before the programs are loaded.
 */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "pyfrag/counters.h"
#include "pyfrag/events.h"

/* The traced process, in the pid namespace of @pidns_inode (0: the initial one). */
const volatile __u32 target_tgid;
const volatile __u64 pidns_device;
const volatile __u64 pidns_inode;

/* Whether the attach cookie holds the site (Linux 5.15); else it is looked up by address. */
const volatile bool use_cookie;

/* Whether stacks may be asked for; if not, the verifier need not follow the walk. */
const volatile bool with_stacks;

/* Each CPU wakes the consumer once in this many hits; a power of two. */
const volatile __u64 wakeup_hits;

/* Whether hits are ignored once they have cost more than they may. */
const volatile bool has_budget;

/* What a hit costs the target, ns: HITS_EMULATED, HITS_STEPPED. */
const volatile __u32 hit_cost_ns[2];

/*
 * What hits have cost so far, and what they may have cost by now, which user space sets; ns.
 * Without a budget spent_ns is only the cost of walking stacks: that of hits follows from their
 * number.
 */
__u64 spent_ns;
volatile __u64 allowance_ns[ALLOW_CNT];

/* User space was notified that spent_ns exceeds allowance_ns. User space clears it. */
volatile __u32 overrun[ALLOW_CNT];

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* user space sets the size */
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTER_BPF_CNT);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HITS_CNT);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

/* Probed address -> site; used without attach cookies. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct pyfrag_site);
} site_by_address SEC(".maps");

/* Returns the new value, on this CPU. */
static __always_inline __u64 increment(void *map, __u32 key)
{
	__u64 *value = bpf_map_lookup_elem(map, &key);

	return value ? ++*value : 0;
}

static __always_inline void count(__u32 counter)
{
	increment(&counters, counter);
}
