// SPDX-License-Identifier: BSD-2-Clause
/*
 * Small uprobe programs, with which pyfrag probes itself, to see what this kernel can do and what a hit
 * costs.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__u64 hit_cnt;

SEC("uprobe")
int count_hit(struct pt_regs *ctx)
{
	(void)ctx;
	__sync_fetch_and_add(&hit_cnt, 1);
	return 0;
}

/* As much as an event of the target's costs; nobody reads it, but the ring holds all of a measurement. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 19);
} records SEC(".maps");

SEC("uprobe")
int emit_hit(struct pt_regs *ctx)
{
	__u64 *record = bpf_ringbuf_reserve(&records, 2 * sizeof(*record), 0);

	if (!record)
		return 0;
	record[0] = bpf_get_current_pid_tgid();
	record[1] = (__u64)ctx;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}
