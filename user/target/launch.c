// SPDX-License-Identifier: BSD-2-Clause
#include "target/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"

/* The signal of a system call stop: PTRACE_O_TRACESYSGOOD adds 0x80. */
#define SYSCALL_STOP (SIGTRAP | 0x80)

/* In the child: waits until it is seized, then executes the program. Never returns. */
static void become_program(char **argv, int go_fd, int error_fd)
{
	sigset_t none;
	char go;
	int err;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (read(go_fd, &go, 1) == 1) {
		execvp(argv[0], argv);
		err = errno;
		if (write(error_fd, &err, sizeof(err)) < 0)
			_exit(126);
	}
	_exit(127);
}

/* Waits for the program's next stop. Returns its wait status, or -ECHILD if it has exited. */
static int wait_for_stop(const struct launch *launch)
{
	int status;

	while (waitpid(launch->pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSTOPPED(status) ? status : -ECHILD;
}

static int describe_start(int err, const char *name, struct failure *failure)
{
	if (err == -ENOENT)
		return failure__set(failure, err, "cannot run '%s': no such program", name);
	return failure__set(failure, err, "cannot run '%s': %s", name, strerror(-err));
}

/* Runs the child up to its exec, and holds it there. */
static int run_to_exec(struct launch *launch, int error_fd)
{
	for (;;) {
		int status = wait_for_stop(launch), err;

		if (status < 0)
			return read(error_fd, &err, sizeof(err)) == (ssize_t)sizeof(err) ? -err
											 : -ECHILD;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			break;
		if (ptrace(PTRACE_CONT, launch->pid, NULL, (void *)(long)WSTOPSIG(status)))
			return -errno;
	}
	launch->held = true;
	launch->seized = true;
	return 0;
}

/* Seizes the child, which waits for a byte, and lets it continue to its exec. */
static int seize(pid_t pid, int go_fd)
{
	const long options = PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD;

	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) || write(go_fd, "", 1) != 1)
		return -errno;
	return 0;
}

int launch__start(struct launch *out, char **argv, struct failure *failure)
{
	_cleanup_close_ int go_read = -1, go_write = -1, error_read = -1, error_write = -1;
	struct launch launch = {};
	int ends[2], err;

	if (pipe2(ends, O_CLOEXEC))
		return failure__set(failure, -errno, "cannot create a pipe: %s", strerror(errno));
	go_read = ends[0];
	go_write = ends[1];
	if (pipe2(ends, O_CLOEXEC))
		return failure__set(failure, -errno, "cannot create a pipe: %s", strerror(errno));
	error_read = ends[0];
	error_write = ends[1];
	launch.pid = fork();
	if (launch.pid < 0)
		return failure__set(failure, -errno, "cannot fork: %s", strerror(errno));
	if (launch.pid == 0) {
		closep(&go_write);
		become_program(argv, go_read, error_write);
	}
	closep(&go_read);
	closep(&error_write);
	go_read = error_write = -1;
	err = seize(launch.pid, go_write);
	if (err) { /* the child reads end of file, and exits */
		close(TAKE_FD(go_write));
		waitpid(launch.pid, NULL, 0);
	} else {
		err = run_to_exec(&launch, error_read);
	}
	if (err)
		return describe_start(err, argv[0], failure);
	*out = launch;
	return 0;
}

/* Whether the program has just returned from mapping a file's code. */
static bool has_mapped_code(struct launch *launch, struct __ptrace_syscall_info *entry)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, launch->pid, (void *)sizeof(info), &info) < 0)
		return false;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		*entry = info;
		return false;
	}
	return info.op == PTRACE_SYSCALL_INFO_EXIT && !info.exit.is_error &&
	       entry->entry.nr == SYS_mmap && (entry->entry.args[2] & PROT_EXEC) &&
	       (int)entry->entry.args[4] >= 0;
}

int launch__run_until(struct launch *launch, int (*is_ready)(pid_t pid, void *context),
		      void *context)
{
	struct __ptrace_syscall_info entry = {};
	int result = is_ready(launch->pid, context);
	long signal_to_pass = 0;

	while (!result) {
		int status, event;

		if (ptrace(PTRACE_SYSCALL, launch->pid, NULL, (void *)signal_to_pass))
			return -errno;
		launch->held = false;
		status = wait_for_stop(launch);
		if (status < 0)
			return status;
		launch->held = true;
		signal_to_pass = 0;
		event = status >> 16;
		if (event == PTRACE_EVENT_EXEC ||
		    (WSTOPSIG(status) == SYSCALL_STOP && has_mapped_code(launch, &entry)))
			result = is_ready(launch->pid, context);
		else if (event == 0 && WSTOPSIG(status) != SYSCALL_STOP)
			signal_to_pass = WSTOPSIG(status);
	}
	return result < 0 ? result : 0;
}

int launch__resume(struct launch *launch)
{
	const long options = PTRACE_O_TRACEEXIT;

	if (ptrace(PTRACE_SETOPTIONS, launch->pid, NULL, (void *)options) ||
	    ptrace(PTRACE_CONT, launch->pid, NULL, (void *)(long)launch->signal))
		return errno == ESRCH ? -ECHILD : -errno;
	launch->held = false;
	launch->signal = 0;
	return 0;
}

int launch__hold(struct launch *launch)
{
	int status;

	if (launch->held)
		return launch->exiting;
	if (ptrace(PTRACE_INTERRUPT, launch->pid, NULL, NULL))
		return errno == ESRCH ? -ECHILD : -errno;
	status = wait_for_stop(launch);
	if (status < 0)
		return status;
	launch->held = true;
	launch->exiting = status >> 16 == PTRACE_EVENT_EXIT;
	/* The stop is ours, or that of a signal that came first and still has to be delivered. */
	launch->signal = status >> 16 ? 0 : WSTOPSIG(status);
	return launch->exiting;
}

void launch__release(struct launch *launch)
{
	/* A running tracee has to be stopped before it can be detached. */
	if (launch->seized && launch__hold(launch) >= 0)
		ptrace(PTRACE_DETACH, launch->pid, NULL, (void *)(long)launch->signal);
	launch->seized = launch->held = false;
}
