/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash functions for tables whose keys a target controls: addresses, names, lists of frames. If a
 * target knew which keys collide, it could use only such keys, and each search would take time
 * proportional to the size of the table. So the hashes depend on random bytes that the kernel
 * provides to each program it starts (AT_RANDOM, getauxval(3)). They differ from run to run, and no
 * output may depend on them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Initialized before main() runs; the second is odd. */
extern uint64_t hash__secrets[2];

/* Every bit of the result depends on every bit of @word. */
static inline uint64_t hash__word(uint64_t word)
{
	unsigned __int128 product = (unsigned __int128)(word ^ hash__secrets[0]) * hash__secrets[1];

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Hashes @size bytes; the order of the bytes matters. */
uint64_t hash__bytes(const void *bytes, size_t size);
