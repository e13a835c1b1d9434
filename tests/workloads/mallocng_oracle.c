// SPDX-License-Identifier: BSD-2-Clause
/*
 * Allocates blocks of all size classes with musl's malloc, frees a third of them, prints how many
 * it has and their size, and waits. The size of a slot follows from what mallocng itself has
 * written before a block: how far it is from the header of its group.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCKS 30000
#define UNIT   16

static const size_t sizes[] = {1, 12, 30, 60, 100, 200, 500, 1000, 3000, 9000, 40000, 140000};
static void *blocks[BLOCKS];

/* In units. */
static const uint16_t classes[] = {
	1,   2,	  3,   4,    5,	   6,	 7,    8,    9,	   10,	 12,   15,   18,   20,	 25,   31,
	36,  42,  50,  63,   72,   84,	 102,  127,  146,  170,	 204,  255,  292,  340,	 409,  511,
	584, 682, 818, 1023, 1169, 1364, 1637, 2047, 2340, 2730, 3276, 4095, 4680, 5460, 6552, 8191,
};

static size_t slot_bytes(const unsigned char *block)
{
	uint32_t units = *(const uint16_t *)(block - 2);
	uint64_t bits;

	if (block[-4])
		units = *(const uint32_t *)(block - 8);
	/*
	 * The header of the group is a pointer to what is known of it; its fifth word are fields.
	 */
	bits = (*(uint64_t *const *)(block - UNIT * (size_t)units - UNIT))[4];
	return !(bits & 31) && bits >> 12 ? (bits >> 12) * 4096 - UNIT
					  : (size_t)classes[bits >> 6 & 63] * UNIT;
}

int main(void)
{
	uint32_t random_number = 7;
	size_t cnt = 0, bytes = 0;

	for (size_t i = 0; i < BLOCKS; i++) {
		random_number = random_number * 1103515245 + 12345;
		blocks[i] = malloc(sizes[(random_number >> 8) % (i % 50 ? 9 : 12)]);
	}
	for (size_t i = 1; i < BLOCKS; i += 3) {
		free(blocks[i]);
		blocks[i] = NULL;
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		if (!blocks[i])
			continue;
		cnt++;
		bytes += slot_bytes(blocks[i]);
	}
	dprintf(STDOUT_FILENO, "%zu %zu\n", cnt, bytes);
	pause();
	return 0;
}
