/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs between kernels and namespaces. Branches on constants that user space sets are
 * resolved when the program is loaded: a helper that the kernel lacks is never seen by its
 * verifier.
 */
#pragma once

#include "maps.bpf.h"

/* The thread group of the current task, in the pid namespace that target_tgid is given in. */
static __always_inline __u32 current_tgid(void)
{
	struct bpf_pidns_info ids;

	if (!pidns_inode)
		return bpf_get_current_pid_tgid() >> 32;
	if (bpf_get_ns_current_pid_tgid(pidns_device, pidns_inode, &ids, sizeof(ids)))
		return 0;
	return ids.tgid;
}

/* The site that was hit. Returns false if it is not known. */
static __always_inline bool current_site(struct pt_regs *ctx, struct pyfrag_site *site)
{
	struct pyfrag_site *found;
	__u64 address;

	if (use_cookie) {
		__u64 cookie = bpf_get_attach_cookie(ctx);

		__builtin_memcpy(site, &cookie, sizeof(*site));
		return true;
	}
	address = ctx->ip;
	found = bpf_map_lookup_elem(&site_by_address, &address);
	if (!found)
		return false;
	*site = *found;
	return true;
}

/*
 * One load from the context for each register, in assembly: compilers like to compute an address
 * first and to share one load, and verifiers do not like computed context addresses.
 */
#define READ_FIELD(ctx, field)                                                                     \
	({                                                                                         \
		__u64 value;                                                                       \
		asm volatile("%0 = *(u64 *)(%1 + %2)"                                              \
			     : "=r"(value)                                                         \
			     : "r"(ctx), "i"(__builtin_offsetof(struct pt_regs, field)));          \
		value;                                                                             \
	})

/* A general register by its number in instruction encodings. */
static __always_inline __u64 read_register(struct pt_regs *ctx, __u8 number)
{
	switch (number) {
	case 0:
		return READ_FIELD(ctx, ax);
	case 1:
		return READ_FIELD(ctx, cx);
	case 2:
		return READ_FIELD(ctx, dx);
	case 3:
		return READ_FIELD(ctx, bx);
	case 4:
		return READ_FIELD(ctx, sp);
	case 5:
		return READ_FIELD(ctx, bp);
	case 6:
		return READ_FIELD(ctx, si);
	case 7:
		return READ_FIELD(ctx, di);
	case 8:
		return READ_FIELD(ctx, r8);
	case 9:
		return READ_FIELD(ctx, r9);
	case 10:
		return READ_FIELD(ctx, r10);
	case 11:
		return READ_FIELD(ctx, r11);
	case 12:
		return READ_FIELD(ctx, r12);
	case 13:
		return READ_FIELD(ctx, r13);
	case 14:
		return READ_FIELD(ctx, r14);
	case 15:
		return READ_FIELD(ctx, r15);
	default:
		return 0;
	}
}
