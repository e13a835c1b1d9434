/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One load from the context for each register, in assembly. Compilers tend to compute an address
 * first and to share one load, and verifiers reject computed context addresses.
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
