// SPDX-License-Identifier: BSD-2-Clause
/*
 * Thousands of memfds, each mapped executable once, and another file that is mapped many times.
 * Readers that look into each of them, or compare each with each, waste their time; a cache of
 * files that all users share evicts other users' files.
 *
 * memfds FILE
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "ready.h"

#define FILES	 20000
#define MAPPINGS 20000

static void map_page(int fd)
{
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) == MAP_FAILED)
		give_up("mmap");
}

int main(int argc, char **argv)
{
	int file = argc == 2 ? open(argv[1], O_RDONLY) : -1;

	if (file < 0)
		give_up("open");
	for (int i = 0; i < FILES; i++) {
		int fd = memfd_create("libpython3.11.so.1.0", 0);

		if (fd < 0 || ftruncate(fd, 4096))
			give_up("memfd_create");
		map_page(fd);
		close(fd);
	}
	for (int i = 0; i < MAPPINGS; i++)
		map_page(file);
	say_ready();
	for (;;)
		pause();
}
