// SPDX-License-Identifier: BSD-2-Clause
/*
 * A minimal uprobe program, with which pyfrag probes itself to find out what this kernel supports.
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
