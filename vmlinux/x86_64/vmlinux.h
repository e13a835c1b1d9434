/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's types on x86-64, as far as the BPF programs use them.
 */
#pragma once

/* ABI, and used without CO-RE. Source: arch/x86/include/asm/ptrace.h. */
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};

/* Source: arch/x86/include/asm/processor.h. */
struct thread_struct {
	unsigned long fsbase;
} __attribute__((preserve_access_index));

#include "../kernel_types.h"
