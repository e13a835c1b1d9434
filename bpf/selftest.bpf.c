// SPDX-License-Identifier: BSD-2-Clause
/*
 * The smallest uprobe program there is: what pyfrag probes itself with, to see what this kernel can
 * do.
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
