// SPDX-License-Identifier: BSD-2-Clause
/*
 * A command line of MEBIBYTES MiB: the kernel shows in /proc/PID/cmdline whatever memory the
 * process declares as its arguments (PR_SET_MM_MAP, which needs no privilege).
 *
 * cmdline MEBIBYTES
 */
#include <linux/prctl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "ready.h"

/* Fields of /proc/PID/stat, counted from 1. */
enum {
	START_CODE = 26,
	END_CODE = 27,
	START_STACK = 28,
	START_DATA = 45,
	END_DATA = 46,
	START_BRK = 47,
	ENV_START = 50,
	ENV_END = 51,
	FIELD_CNT = 52,
};

static void read_stat(uint64_t fields[FIELD_CNT])
{
	FILE *file = fopen("/proc/self/stat", "r");
	char line[4096], *at;

	if (!file || !fgets(line, sizeof(line), file))
		give_up("/proc/self/stat");
	fclose(file);
	/* The second field ends with the last parenthesis; the third is a letter. */
	at = strrchr(line, ')') + 4;
	for (int i = 4; i < FIELD_CNT; i++)
		fields[i] = strtoull(at, &at, 10);
}

int main(int argc, char **argv)
{
	size_t size = argc == 2 ? strtoull(argv[1], NULL, 10) << 20 : 0;
	char *text =
		mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t fields[FIELD_CNT] = {};
	struct prctl_mm_map map;

	if (text == MAP_FAILED)
		give_up("mmap");
	read_stat(fields);
	map = (struct prctl_mm_map){
		.start_code = fields[START_CODE],
		.end_code = fields[END_CODE],
		.start_data = fields[START_DATA],
		.end_data = fields[END_DATA],
		.start_brk = fields[START_BRK],
		.brk = (uintptr_t)sbrk(0),
		.start_stack = fields[START_STACK],
		.arg_start = (uintptr_t)text,
		.arg_end = (uintptr_t)text + size,
		.env_start = fields[ENV_START],
		.env_end = fields[ENV_END],
		.exe_fd = -1,
	};
	if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0))
		give_up("PR_SET_MM_MAP");
	say_ready();
	for (;;)
		pause();
}
