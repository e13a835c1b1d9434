// SPDX-License-Identifier: BSD-2-Clause
/*
 * Deceives readers that judge a file by one of its mappings: it maps an interpreter's first page as
 * executable at an offset where there is no code. The cached result for that mapping must not hide
 * the Pythons that run the same file.
 *
 * blind FILE
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
