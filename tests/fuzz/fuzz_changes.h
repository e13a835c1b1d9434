/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of a fake process' memory that the fuzzer decides: a word near a place that matters
 * becomes a number or the address of a word near such a place.
 */
#pragma once

#include "fake_memory.h"
#include "fuzz.h"

struct fuzz_places {
	const uint64_t *items;
	size_t cnt;
	/* A form of addresses that this allocator has besides plain ones. */
	uint64_t (*special_word)(const struct fuzz_places *places, struct fuzz_input *input);
};

static inline uint64_t fuzz_places__address(const struct fuzz_places *places,
					    struct fuzz_input *input)
{
	uint64_t place = places->items[fuzz_input__byte(input) % places->cnt];
	uint16_t words;

	fuzz_input__take(input, &words, sizeof(words));
	return place + words % 512 * 8UL;
}

static inline uint64_t fuzz_places__word(const struct fuzz_places *places, struct fuzz_input *input)
{
	uint64_t word;

	switch (fuzz_input__byte(input) % 4) {
	case 0:
		return fuzz_input__byte(input);
	case 1:
		return fuzz_places__address(places, input);
	case 2:
		return places->special_word(places, input);
	default:
		fuzz_input__take(input, &word, sizeof(word));
		return word;
	}
}

/* Changes one word, if it is mapped. */
static inline void fuzz_places__change(const struct fuzz_places *places,
				       const struct fake_memory *memory, struct fuzz_input *input)
{
	uint64_t address = fuzz_places__address(places, input);
	uint64_t word = fuzz_places__word(places, input);
	void *there = fake_memory__find(memory, address, sizeof(word));

	if (there)
		memcpy(there, &word, sizeof(word));
}
