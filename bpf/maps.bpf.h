/* SPDX-License-Identifier: BSD-2-Clause */
/* The maps, and the constants that user space sets before it loads the programs. */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "pyfrag/counters.h"
#include "pyfrag/events.h"

/* The traced process, in the pid namespace @pidns_inode (0: the initial one). */
const volatile __u32 target_tgid;
const volatile __u64 pidns_device;
const volatile __u64 pidns_inode;

/* Whether the attach cookie holds the site (Linux 5.15); otherwise it is looked up by address. */
const volatile bool use_cookie;

/* Whether stacks may be recorded; if not, the verifier does not have to check the stack walk. */
const volatile bool with_stacks;

/* Each CPU wakes the consumer once every so many hits; a power of two. */
const volatile __u64 wakeup_hits;

/* Whether hits are ignored once they have cost more than their allowance. */
const volatile bool has_budget;

/* What a hit costs the target, in ns, by HITS_EMULATED and HITS_STEPPED. */
const volatile __u32 hit_cost_ns[2];

/*
 * What hits have cost so far, and what they may have cost by now (set by user space), in ns.
 * Without a budget spent_ns holds only the cost of stack walks; that of hits follows from their
 * number.
 */
__u64 spent_ns;
volatile __u64 allowance_ns[ALLOW_CNT];

/* Set when user space was notified that spent_ns exceeds allowance_ns; cleared by user space. */
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

/* Probed address -> site; used where there are no attach cookies. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct pyfrag_site);
} site_by_address SEC(".maps");

/* Returns the new value of this CPU. */
static __always_inline __u64 increment(void *map, __u32 key)
{
	__u64 *value = bpf_map_lookup_elem(map, &key);

	return value ? ++*value : 0;
}

static __always_inline void count(__u32 counter)
{
	increment(&counters, counter);
}
