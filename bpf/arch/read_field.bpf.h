/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads each register with a load of its own, in assembly. Compilers tend to compute an address
 * first and share one load, and verifiers reject computed context addresses.
 */
#pragma once

#define READ_FIELD(ctx, field)                                                                     \
	({                                                                                         \
		__u64 value;                                                                       \
		asm volatile("%0 = *(u64 *)(%1 + %2)"                                              \
			     : "=r"(value)                                                         \
			     : "r"(ctx), "i"(__builtin_offsetof(struct pt_regs, field)));          \
		value;                                                                             \
	})
