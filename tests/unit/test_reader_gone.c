// SPDX-License-Identifier: BSD-2-Clause
/* Only a failed write to a stream whose reader has exited ends the program with SIGPIPE. */
#include "util/reader_gone.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit_test.h"

static int make_pipe(int fds[2])
{
	return pipe(fds);
}

static int make_sockets(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
}

static int open_full(int fds[2])
{
	FILE *full = fopen("/dev/full", "w");

	fds[0] = -1;
	fds[1] = full ? dup(fileno(full)) : -1;
	return full && !fclose(full) ? 0 : -1;
}

/* The wait status of a process that writes there after the reader has exited, or while it reads. */
static int write_and_end(int (*open)(int fds[2]), bool closes, bool writes)
{
	pid_t pid = fork();
	int status = -1;

	if (!pid) {
		FILE *out;
		int fds[2];

		signal(SIGPIPE, SIG_IGN);
		if (open(fds))
			_exit(100);
		out = fdopen(fds[1], "w");
		if (closes)
			close(fds[0]);
		if (writes)
			fputs("text", out);
		fflush(out);
		errno = 0;
		if (reader_gone__check(out) != (closes && writes))
			_exit(101);
		reader_gone__end();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void check_ends_well(int status)
{
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void check_ends_by_sigpipe(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
}

static void test_gone(void **state)
{
	(void)state;
	check_ends_by_sigpipe(write_and_end(make_pipe, true, true));
	check_ends_by_sigpipe(write_and_end(make_sockets, true, true));
}

static void test_there(void **state)
{
	(void)state;
	check_ends_well(write_and_end(make_pipe, false, true));
	check_ends_well(write_and_end(make_sockets, false, true));
	check_ends_well(write_and_end(open_full, false, true));
	/* Such a program has another error. */
	check_ends_well(write_and_end(make_pipe, true, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
