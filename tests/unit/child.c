// SPDX-License-Identifier: BSD-2-Clause
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit_test.h"

#define NOBODY 65534

struct program {
	const char *path;
	char *const *argv, *const *envp;
};

void child__fork(struct child *child, int (*run)(void *argument), void *argument)
{
	int in[2], out[2];
	pid_t parent = getpid();

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	child->pid = fork();
	assert_true(child->pid >= 0);
	if (!child->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || dup2(in[0], STDIN_FILENO) < 0 ||
		    dup2(out[1], STDOUT_FILENO) < 0)
			_exit(125);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		_exit(run(argument));
	}
	close(in[0]);
	close(out[1]);
	child->in = in[1];
	child->out = out[0];
}

static int run_program(void *argument)
{
	const struct program *program = argument;

	execve(program->path, program->argv, program->envp);
	return 126;
}

void child__exec(struct child *child, const char *path, char *const argv[], char *const envp[])
{
	struct program program = {.path = path, .argv = argv, .envp = envp};

	child__fork(child, run_program, &program);
}

void child__wait_until_ready(const struct child *child)
{
	char byte;

	assert_int_equal(read(child->out, &byte, 1), 1);
}

int child__reap(struct child *child)
{
	int status;

	close(child->in);
	close(child->out);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	return status;
}

void child__kill(struct child *child)
{
	int status;

	assert_int_equal(kill(child->pid, SIGKILL), 0);
	status = child__reap(child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void child__skip_unless_root(const char *purpose)
{
	if (geteuid() == 0)
		return;
	print_message("skipped: %s takes root\n", purpose);
	skip();
}

int child__run(int (*run)(void *argument), void *argument)
{
	struct child child;
	int status;

	child__fork(&child, run, argument);
	status = child__reap(&child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

int child__drop_rights(void)
{
	return geteuid() == 0 && !setgroups(0, NULL) && !setresgid(NOBODY, NOBODY, NOBODY) &&
			       !setresuid(NOBODY, NOBODY, NOBODY)
		       ? 0
		       : -1;
}
