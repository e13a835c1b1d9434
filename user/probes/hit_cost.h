/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a probe hit costs the target, on this machine and kernel: always measured
 * (hit_cost_measure.h), never assumed. An instruction that the kernel emulates costs one trap. Any
 * other is single-stepped, which takes a second trap and, where traps are intercepted, costs ten
 * times as much.
 */
#pragma once

struct hit_cost {
	double emulated_ns, stepped_ns; /* per hit, including all that our program does */
};
