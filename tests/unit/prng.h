/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random numbers that are the same in each run, so that failures are reproducible (xorshift64*,
 * Vigna 2016).
 */
#pragma once

#include <stdint.h>

/* @state must not be 0. */
static inline uint64_t prng__next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

/* 0 .. limit - 1 */
static inline uint32_t prng__below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)((prng__next(state) >> 32) * limit >> 32);
}
