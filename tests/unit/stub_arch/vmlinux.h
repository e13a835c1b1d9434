/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's types on the architecture of stub_arch.c: what vmlinux/ARCH/vmlinux.h has to define.
 */
#pragma once

struct pt_regs {
	unsigned long registers[8];
	unsigned long pc;
};

struct thread_struct {
	unsigned long tp_value;
} __attribute__((preserve_access_index));

#include "../../../vmlinux/kernel_types.h"
