// SPDX-License-Identifier: BSD-2-Clause
/*
 * Allocates from the main arena and from those of three threads, and frees a part of that. Then it
 * waits for a line, has malloc_trim(0) release what it can, and waits for another one. Prints
 * "waiting"; then "trimmed" and what mallinfo2() said before, in the order of its fields.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 3
#define BLOCKS	20000

static const size_t sizes[] = {24, 40, 100, 200, 640, 1500, 5000, 9000, 40000, 200000};
static void *blocks[THREADS + 1][BLOCKS];
static pthread_barrier_t is_filled;

static void fill(size_t number)
{
	uint32_t random_number = (uint32_t)number + 7;

	for (size_t i = 0; i < BLOCKS; i++) {
		size_t size;

		random_number = random_number * 1103515245 + 12345;
		size = sizes[(random_number >> 8) % (i % 50 ? 8 : 10)];
		blocks[number][i] = malloc(size);
		if (!blocks[number][i])
			abort();
		memset(blocks[number][i], 0x5a, size);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		if (i % 3)
			free(blocks[number][i]);
}

static void *run(void *number)
{
	fill((size_t)number);
	pthread_barrier_wait(&is_filled);
	pause();
	return NULL;
}

static void wait_for_line(void)
{
	char byte;

	do {
		if (read(STDIN_FILENO, &byte, 1) != 1)
			exit(1);
	} while (byte != '\n');
}

int main(void)
{
	struct mallinfo2 said;

	pthread_barrier_init(&is_filled, NULL, THREADS + 1);
	for (size_t i = 1; i <= THREADS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, run, (void *)i))
			return 1;
	}
	fill(0);
	pthread_barrier_wait(&is_filled);
	dprintf(STDOUT_FILENO, "waiting\n");
	wait_for_line();
	said = mallinfo2();
	malloc_trim(0);
	dprintf(STDOUT_FILENO, "trimmed %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu\n", said.arena,
		said.ordblks, said.smblks, said.hblks, said.hblkhd, said.usmblks, said.fsmblks,
		said.uordblks, said.fordblks, said.keepcost);
	wait_for_line();
	return 0;
}
