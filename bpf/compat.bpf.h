/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Differences between kernels and between pid namespaces. Branches on constants that user space
 * sets are resolved when the program is loaded, so the verifier never sees a helper that the kernel
 * lacks.
 */
#pragma once

#include ARCH_BPF_H /* registers: bpf/arch/ */
#include "maps.bpf.h"

/* The thread group id of the current task, in the pid namespace of target_tgid; 0 if not in it. */
static __always_inline __u32 current_tgid(void)
{
	struct bpf_pidns_info ids;

	if (!pidns_inode)
		return bpf_get_current_pid_tgid() >> 32;
	if (bpf_get_ns_current_pid_tgid(pidns_device, pidns_inode, &ids, sizeof(ids)))
		return 0;
	return ids.tgid;
}

/* Finds the site that was hit. Returns false if it is unknown. */
static __always_inline bool current_site(struct pt_regs *ctx, struct pyfrag_site *site)
{
	struct pyfrag_site *found;
	__u64 address;

	if (use_cookie) {
		__u64 cookie = bpf_get_attach_cookie(ctx);

		__builtin_memcpy(site, &cookie, sizeof(*site));
		return true;
	}
	address = probed_address(ctx);
	found = bpf_map_lookup_elem(&site_by_address, &address);
	if (!found)
		return false;
	*site = *found;
	return true;
}
