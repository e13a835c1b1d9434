/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sampling by bytes. The points of a Poisson process lie on the allocated bytes, one every @mean
 * bytes on average, and an allocation that contains a point is sampled. So an allocation of s bytes
 * is sampled with probability p = 1 - exp(-s / mean), independently of all others. Sums in which a
 * sampled allocation counts as s / p bytes are unbiased.
 *
 * Reading the size of every allocation would be expensive. Therefore each takes a slot as large as
 * the largest block, and is sampled if the point in its slot lies within its own size. The size is
 * read only for the few allocations whose slot contains a point.
 *
 * The distance to the next point is -ln(u) * mean for u uniform in (0, 1]. BPF has no floating
 * point: log2(u) is the position of the highest bit, plus a table of the bits below it with linear
 * interpolation, which is accurate to 1 in 10,000.
 */
#pragma once

#include "pyfrag/pool_header.h"

#define SAMPLING_TABLE_BITS 6

/* log2(1 + i / 64) * 65536 */
static const __u32 sampling_log2[(1 << SAMPLING_TABLE_BITS) + 1] = {
	0,     1466,  2909,  4331,  5732,  7112,  8473,	 9814,	11136, 12440, 13727, 14996, 16248,
	17484, 18704, 19909, 21098, 22272, 23433, 24579, 25711, 26830, 27936, 29029, 30109, 31178,
	32234, 33279, 34312, 35334, 36346, 37346, 38336, 39316, 40286, 41246, 42196, 43137, 44068,
	44990, 45904, 46809, 47705, 48593, 49472, 50344, 51207, 52063, 52911, 53751, 54584, 55410,
	56229, 57040, 57845, 58643, 59434, 60219, 60997, 61769, 62534, 63294, 64047, 64794, 65536,
};

/*
 * Steps over the slot of one allocation. Returns the position of the next point in the slot,
 * starting at 1, or 0 if it is not in the slot. *until is the distance to the point, initially 0.
 * If it is not positive afterwards, the caller sets it to sampling__distance().
 */
static inline __attribute__((always_inline)) __u32 sampling__step(__s64 *until)
{
	__s64 point = *until;

	*until = point - SMALL_REQUEST_MAX;
	return point > 0 && point <= SMALL_REQUEST_MAX ? (__u32)point : 0;
}

#define SAMPLING_LN2 45426 /* ln(2) * 65536 */

/* Returns a distance to the next point, at least 1, drawn with a 32-bit random number. */
static inline __attribute__((always_inline)) __u64 sampling__distance(__u32 random, __u64 mean)
{
	__u32 highest = 0, fraction, index, rest, log;
	__u32 value = random | 1;

	for (__u32 step = 16; step; step >>= 1)
		if (value >> (highest + step))
			highest += step;
	fraction = highest < 31 ? value << (31 - highest) : value; /* 1.31 fixed point */
	index = (fraction >> (31 - SAMPLING_TABLE_BITS)) & ((1 << SAMPLING_TABLE_BITS) - 1);
	rest = (fraction >> (15 - SAMPLING_TABLE_BITS)) & 0xffff;
	log = (highest << 16) + sampling_log2[index] +
	      (((sampling_log2[index + 1] - sampling_log2[index]) * rest) >> 16);
	return ((mean * ((((__u64)(32 << 16) - log) * SAMPLING_LN2) >> 16)) >> 16) + 1;
}
