// SPDX-License-Identifier: BSD-2-Clause
/*
 * Programs of the system, started and held. Their behaviour is observed from outside: in /proc
 * while they are held, by their output, and by their exit status.
 */
#include "target/launch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit_test.h"
#include "util/cleanup.h"

#define ALARM_S 60

/* The target of /proc/PID/exe. */
static void read_exe(pid_t pid, char exe[PATH_MAX])
{
	char path[64];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	size = readlink(path, exe, PATH_MAX - 1);
	assert_true(size > 0);
	exe[size] = '\0';
}

static void assert_runs(pid_t pid, const char *program)
{
	_cleanup_free_ char *wanted = realpath(program, NULL);
	char exe[PATH_MAX];

	assert_non_null(wanted);
	read_exe(pid, exe);
	assert_string_equal(exe, wanted);
}

static char state_of(pid_t pid)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[256] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	return strrchr(line, ')')[2];
}

/* Whether code of a file with @name in its path is mapped. */
static bool has_code_of(pid_t pid, const char *name)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[PATH_MAX + 128];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, name) && strstr(line, " r-xp "))
			return true;
	return false;
}

/* This process has no child left, so none was forgotten. */
static void assert_no_children(void)
{
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static struct launch start(char **argv)
{
	struct launch launch = {};
	struct failure failure;
	int err = launch__start(&launch, argv, &failure);

	if (err)
		fail_msg("%d: %s", err, failure.text);
	assert_true(launch.pid > 0);
	assert_true(launch.held);
	return launch;
}

/* Releases a program and waits for its end. Returns its exit status. */
static int finish(struct launch *launch)
{
	siginfo_t info;
	int status;

	launch__release(launch);
	assert_false(launch->held);
	assert_int_equal(waitid(P_PID, (id_t)launch->pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(waitpid(launch->pid, &status, WNOHANG), launch->pid);
	assert_true(WIFEXITED(status));
	assert_no_children();
	return WEXITSTATUS(status);
}

/* Collects what a released program writes to a pipe that it inherited as descriptor @fd. */
struct listener {
	int read_end, write_end;
	char script[512]; /* for sh -c; its output goes into the pipe */
};

static void listen_to(struct listener *listener, const char *script)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	/* The program inherits this descriptor and no other. */
	assert_int_equal(fcntl(ends[1], F_SETFD, 0), 0);
	listener->read_end = ends[0];
	listener->write_end = ends[1];
	snprintf(listener->script, sizeof(listener->script), "exec >&%d; %s", ends[1], script);
}

static void take_output(struct listener *listener, char *out, size_t size)
{
	size_t used = 0;
	ssize_t got;

	close(listener->write_end);
	while ((got = read(listener->read_end, out + used, size - 1 - used)) > 0)
		used += (size_t)got;
	assert_int_equal(got, 0);
	out[used] = '\0';
	close(listener->read_end);
}

/* The callback that decides whether a program is ready; records its state at each call. */
struct questions {
	int cnt;
	const char *program; /* ready once it runs this; NULL: never */
	const char *library; /* ready once it has mapped this; NULL: never */
	int answer;	     /* returned by the last call; 0: ask again */
	int last;
	bool always_stopped;
};

static int answer(pid_t pid, void *context)
{
	struct questions *questions = context;
	char exe[PATH_MAX];

	questions->cnt++;
	if (state_of(pid) != 't')
		questions->always_stopped = false;
	read_exe(pid, exe);
	if (questions->program) {
		_cleanup_free_ char *wanted = realpath(questions->program, NULL);

		if (!strcmp(exe, wanted))
			return 1;
	}
	if (questions->library && has_code_of(pid, questions->library))
		return 1;
	return questions->last == questions->cnt ? questions->answer : 0;
}

static void test_held_before_its_first_instruction(void **state)
{
	char *argv[] = {"/bin/true", NULL};
	struct launch launch = start(argv);

	(void)state;
	assert_runs(launch.pid, "/bin/true");
	assert_int_equal(state_of(launch.pid), 't');
	/* The kernel has mapped the program and its loader; the loader has not started. */
	assert_true(has_code_of(launch.pid, "/true"));
	assert_false(has_code_of(launch.pid, "/libc"));
	assert_int_equal(waitpid(launch.pid, NULL, WNOHANG), 0); /* it has not exited */
	assert_int_equal(finish(&launch), 0);
}

static void test_exit_status(void **state)
{
	char *argv[] = {"/bin/sh", "-c", "exit 7", NULL};
	struct launch launch = start(argv);

	(void)state;
	assert_int_equal(finish(&launch), 7);
}

static void test_path_arguments_and_environment(void **state)
{
	char *argv[] = {"sh", "-c", NULL, "name", "", "a b", "$x\n", NULL};
	struct listener listener;
	struct launch launch;
	char output[64];

	(void)state;
	listen_to(&listener, "printf '%s|' \"$0\" \"$@\" \"$PYFRAG_TEST\"");
	argv[2] = listener.script;
	assert_int_equal(setenv("PYFRAG_TEST", "from us", 1), 0);
	launch = start(argv);
	assert_int_equal(finish(&launch), 0);
	take_output(&listener, output, sizeof(output));
	assert_string_equal(output, "name||a b|$x\n|from us|");
}

/* The signals in a line of /proc/PID/status. */
static uint64_t read_signals(pid_t pid, const char *name)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			return strtoull(line + strlen(name) + 1, NULL, 16);
	fail_msg("no %s", name);
	return 0;
}

/* pyfrag blocks and ignores signals while it traces; the program must not inherit that. */
static void test_signals_are_as_for_any_program(void **state)
{
	char *argv[] = {"/bin/true", NULL};
	struct launch launch;
	sigset_t blocked;

	(void)state;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
	signal(SIGPIPE, SIG_IGN);
	launch = start(argv);
	assert_int_equal(read_signals(launch.pid, "SigBlk"), 0);
	assert_int_equal(read_signals(launch.pid, "SigIgn") >> (SIGPIPE - 1) & 1, 0);
	assert_int_equal(finish(&launch), 0);
	assert_int_equal(sigprocmask(SIG_UNBLOCK, &blocked, NULL), 0);
	signal(SIGPIPE, SIG_DFL);
}

/*
 * It inherits exactly the descriptors that are meant to be inherited, and none that launching
 * opened.
 */
static void test_descriptors(void **state)
{
	char *argv[] = {"/bin/true", NULL}, path[64];
	struct launch launch = start(argv);
	struct dirent *entry;
	size_t cnt = 0;
	DIR *dir;

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/fd", launch.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		int flags;

		if (entry->d_name[0] == '.')
			continue;
		flags = fcntl((int)strtol(entry->d_name, NULL, 10), F_GETFD);
		assert_true(flags >= 0 && !(flags & FD_CLOEXEC));
		cnt++;
	}
	closedir(dir);
	for (int fd = 0; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFD);

		cnt -= flags >= 0 && !(flags & FD_CLOEXEC);
	}
	assert_int_equal(cnt, 0);
	assert_int_equal(finish(&launch), 0);
}

static void test_asked_at_once(void **state)
{
	char *argv[] = {"/bin/true", NULL};
	struct questions questions = {.program = "/bin/true", .always_stopped = true};
	struct launch launch = start(argv);

	(void)state;
	assert_int_equal(launch__run_until(&launch, answer, &questions), 0);
	assert_int_equal(questions.cnt, 1);
	assert_true(questions.always_stopped);
	assert_true(launch.held);
	assert_int_equal(state_of(launch.pid), 't');
	assert_int_equal(finish(&launch), 0);
}

/* A library that the loader maps: the program is held as soon as the library's code is mapped. */
static void test_held_when_a_library_is_mapped(void **state)
{
	char *argv[] = {"/bin/sh", "-c", "exit 3", NULL};
	struct questions questions = {.library = "/libc", .always_stopped = true};
	struct launch launch = start(argv);

	(void)state;
	assert_false(has_code_of(launch.pid, "/libc"));
	assert_int_equal(launch__run_until(&launch, answer, &questions), 0);
	assert_true(questions.cnt >= 2);
	assert_true(questions.always_stopped);
	assert_true(launch.held);
	assert_int_equal(state_of(launch.pid), 't');
	assert_true(has_code_of(launch.pid, "/libc"));
	assert_int_equal(finish(&launch), 3);
}

/* sh executes env, which executes true: the callback is called after each. */
static void test_wrappers_are_followed(void **state)
{
	char *argv[] = {"/bin/sh", "-c", "exec /usr/bin/env true", NULL};
	struct questions env = {.program = "/usr/bin/env", .always_stopped = true};
	struct questions program = {.program = "/bin/true", .always_stopped = true};
	struct launch launch = start(argv);

	(void)state;
	assert_runs(launch.pid, "/bin/sh");
	assert_int_equal(launch__run_until(&launch, answer, &env), 0);
	assert_runs(launch.pid, "/usr/bin/env");
	assert_int_equal(launch__run_until(&launch, answer, &program), 0);
	assert_runs(launch.pid, "/bin/true");
	assert_false(has_code_of(launch.pid, "/libc"));
	assert_true(env.always_stopped && program.always_stopped);
	assert_int_equal(finish(&launch), 0);
}

/* A script runs its interpreter, which only the kernel determines. */
static void test_script(void **state)
{
	char path[] = "/tmp/test_launch.XXXXXX", text[] = "#!/bin/sh\nexit 5\n";
	char *argv[] = {path, NULL};
	int fd = mkstemp(path);
	struct launch launch;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, 0700), 0);
	close(fd);
	if (access(path, X_OK)) {
		unlink(path);
		print_message("skipped: /tmp is mounted noexec\n");
		skip();
	}
	launch = start(argv);
	assert_runs(launch.pid, "/bin/sh");
	assert_int_equal(finish(&launch), 5);
	unlink(path);
}

static void test_exits_before_it_is_ready(void **state)
{
	char *argv[] = {"/bin/true", NULL};
	char *killed[] = {"/bin/sh", "-c", "kill -KILL $$", NULL};
	struct questions questions = {.always_stopped = true};
	struct launch launch = start(argv);

	(void)state;
	assert_int_equal(launch__run_until(&launch, answer, &questions), -ECHILD);
	/* The callback was called at the start, and for libc at least. */
	assert_true(questions.cnt >= 2);
	assert_true(questions.always_stopped);
	assert_false(launch.held);
	assert_no_children();

	launch = start(killed);
	assert_int_equal(launch__run_until(&launch, answer, &questions), -ECHILD);
	assert_no_children();
}

static void test_an_error_ends_the_wait(void **state)
{
	char *argv[] = {"/bin/sh", "-c", "exit 9", NULL};
	struct questions questions = {.last = 2, .answer = -EUCLEAN, .always_stopped = true};
	struct launch launch = start(argv);

	(void)state;
	assert_int_equal(launch__run_until(&launch, answer, &questions), -EUCLEAN);
	assert_int_equal(questions.cnt, 2);
	assert_int_equal(finish(&launch), 9);
}

/* While the program is watched, signals reach it as usual. */
static void test_signals_reach_the_program(void **state)
{
	char *argv[] = {"/bin/sh", "-c", NULL, NULL};
	struct questions questions = {.program = "/bin/true", .always_stopped = true};
	struct listener listener;
	struct launch launch;
	char output[64];

	(void)state;
	listen_to(&listener, "trap 'echo usr1' USR1; trap 'echo chld' CHLD; kill -USR1 $$; "
			     "(exit 0) & wait; echo end; exec /bin/true");
	argv[2] = listener.script;
	launch = start(argv);
	assert_int_equal(launch__run_until(&launch, answer, &questions), 0);
	assert_runs(launch.pid, "/bin/true");
	assert_int_equal(finish(&launch), 0);
	take_output(&listener, output, sizeof(output));
	assert_string_equal(output, "usr1\nchld\nend\n");
}

/* A shell that prints what it does, and waits for a line or a signal in between. */
static void listen_to_reader(struct listener *listener, int in[2])
{
	char script[256];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(fcntl(in[0], F_SETFD, 0), 0);
	snprintf(script, sizeof(script),
		 "trap 'echo signal' USR1; echo ready; read x <&%d; echo $x; exit 6", in[0]);
	listen_to(listener, script);
}

/* Starts it, held before its first instruction. */
static struct launch start_reader(struct listener *listener, int in[2])
{
	char *argv[] = {"/bin/sh", "-c", NULL, NULL};

	listen_to_reader(listener, in);
	argv[2] = listener->script;
	return start(argv);
}

static void assert_says(const struct listener *listener, const char *wanted)
{
	char line[64] = "";

	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		assert_int_equal(read(listener->read_end, line + i, 1), 1);
		if (line[i] == '\n')
			break;
	}
	assert_string_equal(line, wanted);
}

static void test_held_and_resumed(void **state)
{
	char output[64];
	struct listener listener;
	struct launch launch;
	int in[2];

	(void)state;
	launch = start_reader(&listener, in);
	/* Held already. */
	assert_int_equal(launch__hold(&launch), 0);
	assert_int_equal(launch__resume(&launch), 0);
	assert_false(launch.held);
	assert_says(&listener, "ready\n");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(launch__hold(&launch), 0);
		assert_true(launch.held);
		assert_int_equal(state_of(launch.pid), 't');
		assert_int_equal(launch__resume(&launch), 0);
		assert_false(launch.held);
	}
	/* It was not disturbed: the input that it waits for still arrives. */
	assert_int_equal(write(in[1], "line\n", 5), 5);
	assert_says(&listener, "line\n");
	assert_int_equal(finish(&launch), 6);
	take_output(&listener, output, sizeof(output));
	assert_string_equal(output, "");
	close(in[0]);
	close(in[1]);
}

/* A program that was released has to be stopped first; then it continues. */
static void test_released_while_it_runs(void **state)
{
	char output[64];
	struct listener listener;
	struct launch launch;
	int in[2];

	(void)state;
	launch = start_reader(&listener, in);
	assert_int_equal(launch__resume(&launch), 0);
	assert_says(&listener, "ready\n");
	launch__release(&launch);
	assert_false(launch.held);
	assert_int_not_equal(state_of(launch.pid), 't');
	assert_int_equal(write(in[1], "line\n", 5), 5);
	assert_int_equal(finish(&launch), 6);
	take_output(&listener, output, sizeof(output));
	assert_string_equal(output, "line\n");
	close(in[0]);
	close(in[1]);
}

/* A program may stop because of a signal. It receives that when it continues. */
static void test_signal_while_held(void **state)
{
	char output[64];
	struct listener listener;
	struct launch launch;
	int in[2];

	(void)state;
	launch = start_reader(&listener, in);
	assert_int_equal(launch__resume(&launch), 0);
	assert_says(&listener, "ready\n");
	assert_int_equal(kill(launch.pid, SIGUSR1), 0);
	while (state_of(launch.pid) != 't')
		sched_yield();
	assert_int_equal(launch__hold(&launch), 0);
	assert_int_equal(write(in[1], "line\n", 5), 5);
	assert_int_equal(finish(&launch), 6);
	take_output(&listener, output, sizeof(output));
	/* The trap runs once the line is read, or before, if the signal ends the read. */
	assert_non_null(strstr(output, "signal\n"));
	close(in[0]);
	close(in[1]);
}

/* The exit of a program that was not held in time is held, with its memory still mapped. */
static void test_held_at_its_exit(void **state)
{
	char *argv[] = {"/bin/sh", "-c", "exit 8", NULL};
	struct launch launch = start(argv);

	(void)state;
	assert_int_equal(launch__resume(&launch), 0);
	while (state_of(launch.pid) != 't')
		sched_yield();
	assert_int_equal(launch__hold(&launch), 1);
	assert_true(launch.held);
	/* A second call finds it still there. */
	assert_int_equal(launch__hold(&launch), 1);
	assert_true(has_code_of(launch.pid, "/libc"));
	assert_int_equal(finish(&launch), 8);
}

/* A killed program's exit is held as well. */
static void test_killed_while_it_runs(void **state)
{
	char output[64];
	struct listener listener;
	struct launch launch;
	siginfo_t info;
	int in[2], status;

	(void)state;
	launch = start_reader(&listener, in);
	assert_int_equal(launch__resume(&launch), 0);
	assert_says(&listener, "ready\n");
	assert_int_equal(kill(launch.pid, SIGKILL), 0);
	while (state_of(launch.pid) != 't')
		sched_yield();
	assert_int_equal(launch__hold(&launch), 1);
	launch__release(&launch);
	take_output(&listener, output, sizeof(output));
	assert_string_equal(output, "");
	assert_int_equal(waitid(P_PID, (id_t)launch.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(waitpid(launch.pid, &status, WNOHANG), launch.pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_no_children();
	close(in[0]);
	close(in[1]);
}

static void assert_cannot_start(char *name, int err)
{
	char *argv[] = {name, NULL};
	struct launch launch = {.pid = -7};
	struct failure failure = {};

	assert_int_equal(launch__start(&launch, argv, &failure), err);
	assert_int_equal(launch.pid, -7);
	assert_false(launch.held);
	assert_non_null(strstr(failure.text, name));
	assert_no_children();
}

static void test_what_cannot_be_started(void **state)
{
	char path[] = "/tmp/test_launch.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "text\n", 5), 5);
	assert_cannot_start("/nonexistent/program", -ENOENT);
	assert_cannot_start("no-such-program-anywhere", -ENOENT);
	assert_cannot_start(path, -EACCES); /* not executable */
	assert_cannot_start("/tmp", -EACCES);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held_before_its_first_instruction),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_path_arguments_and_environment),
		cmocka_unit_test(test_signals_are_as_for_any_program),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_asked_at_once),
		cmocka_unit_test(test_held_when_a_library_is_mapped),
		cmocka_unit_test(test_wrappers_are_followed),
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_exits_before_it_is_ready),
		cmocka_unit_test(test_an_error_ends_the_wait),
		cmocka_unit_test(test_signals_reach_the_program),
		cmocka_unit_test(test_held_and_resumed),
		cmocka_unit_test(test_released_while_it_runs),
		cmocka_unit_test(test_signal_while_held),
		cmocka_unit_test(test_held_at_its_exit),
		cmocka_unit_test(test_killed_while_it_runs),
		cmocka_unit_test(test_what_cannot_be_started),
	};

	/* Nothing here is timed: this ends a test that would wait forever. */
	alarm(ALARM_S);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
