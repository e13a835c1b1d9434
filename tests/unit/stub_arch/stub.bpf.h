/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of a thread on the architecture of stub_arch.c: what bpf/arch/ARCH.bpf.h has to
 * define.
 */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "arch/read_field.bpf.h"

static __always_inline __u64 probed_address(const struct pt_regs *ctx)
{
	return ctx->pc;
}

static __always_inline __u64 current_thread_id(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, thread.tp_value);
}

static __always_inline __u64 read_register(struct pt_regs *ctx, __u8 number)
{
	return number ? 0 : READ_FIELD(ctx, registers[0]);
}
