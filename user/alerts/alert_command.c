// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alert_command.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/text.h"

#define NS_PER_MS	1000000UL
#define TERM_MS		500
#define ENVIRONMENT_CNT 8

/*
 * Splits @text in place into the words of a command; the array ends with NULL and points into
 * @text. Returns NULL without memory. The caller frees it.
 */
static char **split_words(char *text)
{
	size_t cnt = 0, cnt_max = strlen(text) / 2 + 1;
	char **words = calloc(cnt_max + 1, sizeof(*words)), *at = NULL;

	if (!words)
		return NULL;
	for (char *word = strtok_r(text, " \t", &at); word; word = strtok_r(NULL, " \t", &at))
		words[cnt++] = word;
	return words;
}

/* Ends with NULL. */
struct environment {
	char *items[ENVIRONMENT_CNT + 1];
};

static void environment__release(struct environment *environment)
{
	for (size_t i = 0; i < ENVIRONMENT_CNT; i++)
		free(environment->items[i]);
}

/* Returns 0 or -ENOMEM. */
static int make_environment(struct environment *out, const struct alert_message *message)
{
	size_t cnt = 0;

#define SET(format, value) (asprintf(&out->items[cnt++], format, value) < 0)
	if (SET("PYFRAG_ALERT_STATE=%s", message->is_firing ? "firing" : "resolved") ||
	    SET("PYFRAG_ALERT_RULE=%s", message->rule) ||
	    SET("PYFRAG_ALERT_PID=%d", message->pid) ||
	    SET("PYFRAG_ALERT_PROCESS=%s", message->name) ||
	    SET("PYFRAG_ALERT_VALUE=%.9g", message->value) ||
	    SET("PYFRAG_ALERT_TYPES=%s", message->types) ||
	    SET("PYFRAG_ALERT_SITES=%s", message->sites) ||
	    SET("PATH=%s", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")) {
		out->items[cnt - 1] = NULL; /* undefined after a failure */
		return -ENOMEM;
	}
#undef SET
	for (size_t i = 0; i < cnt; i++)
		text__make_printable(out->items[i]);
	return 0;
}

/* Default actions and no blocked signals: pyfrag itself ignores and blocks some. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	return posix_spawnattr_setsigdefault(attributes, &all) ||
	       posix_spawnattr_setsigmask(attributes, &none) ||
	       posix_spawnattr_setpgroup(attributes, 0) ||
	       posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
							    POSIX_SPAWN_SETPGROUP);
}

/* Starts the command with @input as its standard input. Returns its pid, or negative errno. */
static pid_t start_command(const char *command, const struct alert_message *message, int input)
{
	_cleanup_(environment__release) struct environment environment = {};
	_cleanup_free_ char *text = strdup(command);
	_cleanup_free_ char **words = text ? split_words(text) : NULL;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	pid_t pid;
	int err;

	if (!words || make_environment(&environment, message))
		return -ENOMEM;
	if (!words[0])
		return -ENOENT;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	err = set_attributes(&attributes) ||
			      posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO) ||
			      posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)
		      ? ENOMEM
		      : posix_spawnp(&pid, words[0], &actions, &attributes, words,
				     environment.items);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return err ? -err : pid;
}

/* The standard input of the command: an anonymous file. */
static int open_input(const char *json)
{
	_cleanup_close_ int fd = memfd_create("alert", MFD_CLOEXEC);

	if (fd < 0 || dprintf(fd, "%s\n", json) < 0 || lseek(fd, 0, SEEK_SET))
		return -errno;
	return TAKE_FD(fd);
}

/* An eventfd; readable once alert_command__end_all() was called. */
static int end_fd = -1;
static pthread_once_t end_fd_once = PTHREAD_ONCE_INIT;

static void open_end_fd(void)
{
	end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/*
 * Waits at most @wait_ms for the process to exit, and if @heeds_end only until
 * alert_command__end_all() is called. Returns 0, -ETIMEDOUT or -ECANCELED.
 */
static int wait_for(int pid_fd, int wait_ms, bool heeds_end)
{
	struct pollfd fds[] = {{.fd = pid_fd, .events = POLLIN},
			       {.fd = heeds_end ? end_fd : -1, .events = POLLIN}};
	uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + (uint64_t)wait_ms * NS_PER_MS, now_ns;

	while ((now_ns = clock_ns(CLOCK_MONOTONIC)) < until_ns) {
		if (poll(fds, ARRAY_SIZE(fds), (int)((until_ns - now_ns) / NS_PER_MS) + 1) <= 0)
			continue;
		if (fds[0].revents)
			return 0;
		if (fds[1].revents)
			return -ECANCELED;
	}
	return -ETIMEDOUT;
}

/* Ends the command and all its descendants, except those that left its process group. */
static void end_group(pid_t pid, int pid_fd)
{
	kill(-pid, SIGTERM);
	wait_for(pid_fd, TERM_MS, false);
	kill(-pid, SIGKILL);
}

static int run_here(const char *command, const struct alert_message *message)
{
	_cleanup_close_ int input = open_input(message->json), pid_fd = -1;
	int status = 0, err;
	pid_t pid;

	pthread_once(&end_fd_once, open_end_fd);
	if (input < 0)
		return input;
	pid = start_command(command, message, input);
	if (pid < 0)
		return pid;
	pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	err = pid_fd < 0 ? -errno : wait_for(pid_fd, ALERT_COMMAND_MS, true);
	if (err)
		end_group(pid, pid_fd);
	waitpid(pid, &status, 0);
	return err ? err : status ? -EPROTO : 0;
}

/* NULL: this process runs commands itself. */
static const struct alert_command_proxy *proxy;

void alert_command__run_by(const struct alert_command_proxy *other)
{
	proxy = other;
}

int alert_command__run(const char *command, const struct alert_message *message)
{
	return proxy ? proxy->run(command, message) : run_here(command, message);
}

void alert_command__end_all(void)
{
	if (proxy) {
		proxy->end_all();
		return;
	}
	pthread_once(&end_fd_once, open_end_fd);
	eventfd_write(end_fd, 1);
}
