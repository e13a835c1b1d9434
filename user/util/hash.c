// SPDX-License-Identifier: BSD-2-Clause
#include "util/hash.h"

#include <sys/auxv.h>
#include <xxhash.h>

uint64_t hash__secrets[2];

/* The C library derives its own secrets from the same 16 bytes, so they are not used directly. */
__attribute__((constructor)) static void draw_secrets(void)
{
	const void *random =
		(const void *)getauxval(AT_RANDOM); // NOLINT(performance-no-int-to-ptr)

	for (unsigned int i = 0; i < 2 && random; i++)
		hash__secrets[i] = XXH3_64bits_withSeed(random, 16, i);
	hash__secrets[1] |= 1;
}

uint64_t hash__bytes(const void *bytes, size_t size)
{
	return XXH3_64bits_withSeed(bytes, size, hash__secrets[0]);
}
