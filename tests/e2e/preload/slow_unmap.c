// SPDX-License-Identifier: BSD-2-Clause
/*
 * A preloaded library with which a target takes long to unmap each of its arenas, as if its thread
 * got no CPU just then.
 */
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of CPython 3.10 and later. */
#define ARENA_BYTES (1UL << 20)

int munmap(void *address, size_t size)
{
	if (size == ARENA_BYTES)
		nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
	return (int)syscall(SYS_munmap, address, size);
}
