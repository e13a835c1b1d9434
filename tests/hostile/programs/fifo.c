// SPDX-License-Identifier: BSD-2-Clause
/*
 * Blocks readers that open a mapped file by its name: the file is unlinked and replaced by a FIFO
 * of the same name, so that opening it waits for a writer that never comes. The size of the mapping
 * keeps changing, so that a reader cannot rely on map_files/. Ten processes do this, more than
 * there are readers.
 *
 * fifo DIRECTORY FILE    FILE is copied into DIRECTORY and mapped from there
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "ready.h"

#define PROCESSES   10
#define PAGE	    4096
#define MAP_ADDRESS ((char *)0x10000000)

static int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_RDWR | O_CREAT | O_TRUNC, 0755);

	if (in < 0 || out < 0)
		give_up("open");
	while (sendfile(out, in, NULL, 1 << 20) > 0)
		;
	close(in);
	return out;
}

static void map(int fd)
{
	if (mmap(MAP_ADDRESS, 2L * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0) ==
	    MAP_FAILED)
		give_up("mmap");
}

int main(int argc, char **argv)
{
	char path[4096];
	int fd;

	if (argc != 3)
		return 1;
	for (int i = 1; i < PROCESSES && fork(); i++)
		;
	snprintf(path, sizeof(path), "%s/libpython3.11.so.%d", argv[1], getpid());
	fd = copy_file(argv[2], path);
	if (unlink(path) || mkfifo(path, 0666))
		give_up(path);
	map(fd);
	say_ready();
	for (;;) {
		map(fd);
		usleep(100);
		munmap(MAP_ADDRESS + PAGE, PAGE);
		usleep(100);
	}
}
