// SPDX-License-Identifier: BSD-2-Clause
/*
 * Executes a program as on a kernel without a system call. Usage: without_call CALL PROGRAM
 * [ARGUMENT ...]
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (argc < 3 || !filter ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), seccomp_syscall_resolve_name(argv[1]),
			     0) ||
	    seccomp_load(filter)) {
		fputs("without_call: cannot filter system calls\n", stderr);
		return 1;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 1;
}
