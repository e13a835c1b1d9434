// SPDX-License-Identifier: BSD-2-Clause
/* The commands write what they find to files in a new directory. */
#include "alerts/alert_command.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch_directory.h"
#include "unit_test.h"
#include "util/cleanup.h"

static const struct alert_message message = {.json = (char *)"{\"x\":1}",
					     .is_firing = true,
					     .pid = 17,
					     .value = 2,
					     .rule = (char *)"rule",
					     .name = (char *)"name $(id)",
					     .types = (char *)"",
					     .sites = (char *)""};

static int set_up(void **state)
{
	(void)state;
	return scratch_directory__enter();
}

static int tear_down(void **state)
{
	(void)state;
	unlink("script");
	unlink("said");
	return scratch_directory__leave();
}

static void put_script(const char *text)
{
	FILE *file = fopen("script", "we");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", text);
	fclose(file);
	assert_int_equal(chmod("script", 0700), 0);
	unlink("said");
}

static void read_said(char *text, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen("said", "re");
	size_t cnt = file ? fread(text, 1, size - 1, file) : 0;

	text[cnt] = '\0';
}

static void check_said(const char *expected)
{
	char text[1024];

	read_said(text, sizeof(text));
	assert_string_equal(text, expected);
}

static void test_what_it_gets(void **state)
{
	(void)state;
	put_script("{ cat; echo \"$PYFRAG_ALERT_STATE $PYFRAG_ALERT_PID $PYFRAG_ALERT_PROCESS\""
		   " \"$1 $2\"; } > said");
	assert_int_equal(alert_command__run("./script a $(b)", &message), 0);
	check_said("{\"x\":1}\nfiring 17 name $(id) a $(b)\n");
	put_script("exit 3");
	assert_int_equal(alert_command__run("./script", &message), -EPROTO);
	assert_int_equal(alert_command__run("./none", &message), -ENOENT);
	assert_int_equal(alert_command__run(" ", &message), -ENOENT);
}

/* Neither the words of the command nor the text of the alert are cut. */
static void test_long_texts(void **state)
{
	char command[512] = "./script", types[3001] = "";
	struct alert_message wordy = message;

	(void)state;
	for (int i = 1; i <= 100; i++)
		strcat(command, " a");
	memset(types, 't', sizeof(types) - 1);
	wordy.types = types;
	put_script("echo $# ${#PYFRAG_ALERT_TYPES} > said");
	assert_int_equal(alert_command__run(command, &wordy), 0);
	check_said("100 3000\n");
}

/* Not even descriptors that are not close-on-exec. */
static void test_it_gets_no_descriptor(void **state)
{
	int open_one = open("/dev/null", O_RDONLY), high = fcntl(open_one, F_DUPFD, 500);
	unsigned long blocked_bits = 1, ignored_bits = 1;
	sigset_t blocked, before;
	char text[256];

	(void)state;
	assert_true(open_one >= 0 && high >= 500);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	put_script("ls /proc/self/fd | tr '\\n' ' ' > said;"
		   " cut -d ' ' -f 5 /proc/$$/stat | grep -qx $$ && echo group >> said;"
		   " grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -s '\\n\\t' ' ' >> said");
	assert_int_equal(alert_command__run("./script", &message), 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	read_said(text, sizeof(text));
	/* 3 is the directory that ls has opened. */
	assert_int_equal(sscanf(text, "0 1 2 3 group SigBlk: %lx SigIgn: %lx", &blocked_bits,
				&ignored_bits),
			 2);
	/* Signals 32 and 33 belong to the C library. */
	assert_int_equal(blocked_bits, 0);
	assert_int_equal(ignored_bits & 0x7fffffff, 0);
	close(high);
	close(open_one);
}

static void *end_all_when_it_runs(void *context)
{
	char text[64] = "";

	(void)context;
	while (!strchr(text, '\n')) {
		usleep(10000);
		read_said(text, sizeof(text));
	}
	alert_command__end_all();
	return NULL;
}

/*
 * A command that ignores SIGTERM, and its child. This is the last test, because no other command is
 * started afterwards.
 */
static void test_it_is_ended_with_its_group(void **state)
{
	pthread_t thread;
	char text[64];
	pid_t child;

	(void)state;
	put_script("trap '' TERM; sleep 1000 & echo $! > said; while :; do sleep 1000; done");
	assert_int_equal(pthread_create(&thread, NULL, end_all_when_it_runs, NULL), 0);
	assert_int_equal(alert_command__run("./script", &message), -ECANCELED);
	pthread_join(thread, NULL);
	read_said(text, sizeof(text));
	child = atoi(text);
	assert_true(child > 0);
	/* It has exited, or init is about to reap it. */
	for (int i = 0; i < 500 && !kill(child, 0); i++) {
		char path[64], stat[256] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/stat", child);
		file = fopen(path, "re");
		if (file && fgets(stat, sizeof(stat), file) && strstr(stat, ") Z")) {
			fclose(file);
			return;
		}
		if (file)
			fclose(file);
		usleep(10000);
	}
	assert_int_equal(kill(child, 0), -1);
	assert_int_equal(alert_command__run("./script", &message), -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_it_gets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_texts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_it_gets_no_descriptor, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_it_is_ended_with_its_group, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
