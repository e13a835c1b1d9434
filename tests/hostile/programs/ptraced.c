// SPDX-License-Identifier: BSD-2-Clause
/*
 * A Python that another process traces and has stopped for good: it cannot be attached to, does not
 * run, and reacts to no signal.
 *
 * ptraced PYTHON    prints the pid of the Python, not its own
 */
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "ready.h"

static const char script[] = "import os, time\n"
			     "kept = [(n, n) for n in range(50000)]\n"
			     "print('ready', os.getpid(), flush=True)\n"
			     "while True: time.sleep(0.01)\n";

int main(int argc, char **argv)
{
	pid_t pid = argc == 2 ? fork() : -1;
	int status;

	if (pid < 0)
		return 1;
	if (!pid) {
		execl(argv[1], argv[1], "-ISc", script, NULL);
		_exit(1);
	}
	usleep(300000); /* it has printed "ready" */
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_EXITKILL) ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		give_up("ptrace");
	waitpid(pid, &status, __WALL);
	for (;;)
		pause();
}
