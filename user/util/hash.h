/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hashes for tables whose keys a target chooses: addresses, names, lists of frames. If a target
 * knew which keys share a slot, it could choose only such keys, and each search would take as long
 * as the table is. So the hashes depend on a number that the kernel draws at random for each
 * program it starts (AT_RANDOM, getauxval(3)): they differ from run to run, and nothing that a user
 * sees may depend on them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Set before main() runs; the second is odd. */
extern uint64_t hash__secrets[2];

/* All bits of the result depend on all bits of @word. */
static inline uint64_t hash__word(uint64_t word)
{
	unsigned __int128 product = (unsigned __int128)(word ^ hash__secrets[0]) * hash__secrets[1];

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Of @size bytes, in the order in which they lie. */
uint64_t hash__bytes(const void *bytes, size_t size);
