// SPDX-License-Identifier: BSD-2-Clause
#include "host/alert_command.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "util/cleanup.h"

#define WORDS_MAX	64
#define ENVIRONMENT_CNT 8
#define VARIABLE_BYTES	1024

/* The words of a command; the array ends with NULL. They point into @text, which is cut up. */
static void split_words(char *text, char **words)
{
	size_t cnt = 0;
	char *at = NULL;

	for (char *word = strtok_r(text, " \t", &at); word && cnt < WORDS_MAX;
	     word = strtok_r(NULL, " \t", &at))
		words[cnt++] = word;
	words[cnt] = NULL;
}

static void make_environment(const struct alert_message *message, char (*texts)[VARIABLE_BYTES],
			     char **environment)
{
	int cnt = 0;

#define SET(format, value) snprintf(texts[cnt++], VARIABLE_BYTES, format, value)
	SET("PYFRAG_ALERT_STATE=%s", message->is_firing ? "firing" : "resolved");
	SET("PYFRAG_ALERT_RULE=%s", message->rule);
	SET("PYFRAG_ALERT_PID=%d", message->pid);
	SET("PYFRAG_ALERT_PROCESS=%s", message->name);
	SET("PYFRAG_ALERT_VALUE=%.9g", message->value);
	SET("PYFRAG_ALERT_TYPES=%s", message->types);
	SET("PYFRAG_ALERT_SITES=%s", message->sites);
	SET("PATH=%s", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
#undef SET
	for (int i = 0; i < cnt; i++)
		environment[i] = texts[i];
	environment[cnt] = NULL;
}

/* Starts the command with @input as its standard input. Returns its pid, or negative errno. */
static pid_t start_command(const char *command, const struct alert_message *message, int input)
{
	char environment_texts[ENVIRONMENT_CNT][VARIABLE_BYTES];
	char *environment[ENVIRONMENT_CNT + 1], *words[WORDS_MAX + 1];
	_cleanup_free_ char *text = strdup(command);
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int err;

	if (!text)
		return -ENOMEM;
	split_words(text, words);
	make_environment(message, environment_texts, environment);
	if (!words[0])
		return -ENOENT;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	err = posix_spawnp(&pid, words[0], &actions, NULL, words, environment);
	posix_spawn_file_actions_destroy(&actions);
	return err ? -err : pid;
}

static int run_here(const char *command, const struct alert_message *message)
{
	_cleanup_fclose_ FILE *input = tmpfile();
	int status = 0;
	pid_t pid;

	if (!input || fputs(message->json, input) == EOF || fputc('\n', input) == EOF ||
	    fflush(input) || fseek(input, 0, SEEK_SET))
		return -errno;
	pid = start_command(command, message, fileno(input));
	if (pid < 0)
		return pid;
	waitpid(pid, &status, 0);
	return status ? -EPROTO : 0;
}

/* NULL: this process does it. */
static alert_command_fn *run_elsewhere;

void alert_command__run_by(alert_command_fn *run)
{
	run_elsewhere = run;
}

int alert_command__run(const char *command, const struct alert_message *message)
{
	return run_elsewhere ? run_elsewhere(command, message) : run_here(command, message);
}
