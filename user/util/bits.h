/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of small numbers: a bit for each, in an array of bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Size in bytes of a set of the numbers below @cnt. */
static inline size_t bits__bytes(size_t cnt)
{
	return cnt / 8 + 1;
}

static inline bool bits__get(const uint8_t *bits, uint32_t at)
{
	return bits[at / 8] >> at % 8 & 1;
}

static inline void bits__set(uint8_t *bits, uint32_t at)
{
	bits[at / 8] |= (uint8_t)(1U << at % 8);
}
