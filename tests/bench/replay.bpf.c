// SPDX-License-Identifier: BSD-2-Clause
/*
 * Puts recorded events into a ring buffer as the tracing program would, for the consumer's
 * benchmark.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "pyfrag/events.h"

/* Events per run: as many as the verifier accepts. */
#define BATCH 4096

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__u32 next_event, end_event, full;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set by user space */
	__type(key, __u32);
	__type(value, struct pyfrag_event);
} recorded SEC(".maps");

SEC("raw_tp")
int replay(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < BATCH && next_event < end_event; i++) {
		__u32 key = next_event;
		struct pyfrag_event *from = bpf_map_lookup_elem(&recorded, &key), *event;

		if (!from)
			return 1;
		event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
		if (!event) {
			full = 1;
			return 0;
		}
		*event = *from;
		bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
		next_event++;
	}
	return 0;
}
