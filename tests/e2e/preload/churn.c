// SPDX-License-Identifier: BSD-2-Clause
/*
 * For a target: churn(N) starts N threads that allocate and free without pause, outside of Python's
 * lock.
 */
#include <pthread.h>
#include <stdlib.h>

#define BLOCKS 20000

void churn(int thread_cnt);

static void *run(void *context)
{
	unsigned int random = (unsigned int)(size_t)context;
	static __thread char *blocks[BLOCKS];

	for (;;) {
		unsigned int i;

		random = random * 1103515245 + 12345;
		i = (random >> 8) % BLOCKS;
		free(blocks[i]);
		blocks[i] = malloc(16 + (random >> 16) % (i % 50 ? 600 : 9000));
		if (blocks[i])
			blocks[i][0] = 1;
	}
	return NULL;
}

void churn(int thread_cnt)
{
	for (int i = 0; i < thread_cnt; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, run, (void *)(size_t)(i + 1));
	}
}
