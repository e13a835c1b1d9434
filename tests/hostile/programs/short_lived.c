// SPDX-License-Identifier: BSD-2-Clause
/*
 * Short-lived processes, several hundred a second, four at a time. Every eighth is a Python for a
 * moment, so that a reader sees it disappear in the middle.
 *
 * short_lived PYTHON
 */
#include <signal.h>
#include <sys/wait.h>

#include "ready.h"

#define AT_A_TIME 4

static void run_child(const char *python, unsigned int number)
{
	if (number % 8 == 0) {
		alarm(1);
		execl(python, python, "-ISc", "[(n, n) for n in range(10000)]", NULL);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 1;
	say_ready();
	for (unsigned int number = 0, running = 0;; number++) {
		pid_t pid = fork();

		if (pid < 0)
			give_up("fork");
		if (!pid)
			run_child(argv[1], number);
		if (++running >= AT_A_TIME && wait(NULL) > 0)
			running--;
		usleep(2000);
	}
}
