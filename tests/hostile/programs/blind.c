// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whoever judges a file by one mapping of it takes this one: an interpreter's first page,
 * executable, at an offset that is no code's. What is remembered of it must not hide the Pythons
 * that run the same file.
 *
 *   blind FILE
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "ready.h"

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;

	if (fd < 0 || mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		give_up("mmap");
	say_ready();
	for (;;)
		pause();
}
