/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the fuzz targets: a cursor over the fuzzer's bytes, which yields zeros past their end,
 * and a check that prints the condition that failed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,          \
				#condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* libFuzzer's entry point. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_input {
	const uint8_t *bytes;
	size_t size;
};

static inline void fuzz_input__take(struct fuzz_input *input, void *out, size_t size)
{
	size_t there = input->size < size ? input->size : size;

	memset(out, 0, size);
	if (there)
		memcpy(out, input->bytes, there);
	input->bytes += there;
	input->size -= there;
}

static inline uint8_t fuzz_input__byte(struct fuzz_input *input)
{
	uint8_t byte;

	fuzz_input__take(input, &byte, sizeof(byte));
	return byte;
}
