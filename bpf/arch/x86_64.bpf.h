/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers of an x86-64 thread at a probe hit. */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "arch/read_field.bpf.h"

/* The address of the instruction that was hit. */
static __always_inline __u64 probed_address(const struct pt_regs *ctx)
{
	return ctx->ip;
}

/* The value of pthread_self() in this thread: with glibc and musl, fs points to struct pthread. */
static __always_inline __u64 current_thread_id(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, thread.fsbase);
}

/* Reads a general register, numbered as in user/probes/arch/x86_64.c. */
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
