/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a word from a copy of the target's memory. */
#pragma once

#include <stdint.h>
#include <string.h>

static inline uint64_t word_at(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}
