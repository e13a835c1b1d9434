/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hit of a probe costs the target, on this machine and kernel: measured
 * (hit_cost_measure.h), never assumed. An instruction that the kernel emulates costs one trap; any
 * other is single-stepped, which is another trap, and ten times as much where traps are
 * intercepted.
 */
#pragma once

struct hit_cost {
	double emulated_ns, stepped_ns; /* a hit, with all that our program does at it */
};
