// SPDX-License-Identifier: BSD-2-Clause
/*
 * Alerts are sent to a script, in a new directory. For an alert about process N the script writes a
 * line into the file "N" when it starts and another when it ends, which it does when a file "go"
 * exists.
 */
#include "alerts/alert_sender.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch_directory.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* Far longer than needed; a command may run for ten seconds. */
#define TRIES_MAX 500
#define TRY_MS	  10

static struct alert_sender *sender;

static int set_up(void **state)
{
	static const char *const to[] = {"exec:./script"};
	struct failure failure;
	FILE *file;

	(void)state;
	if (scratch_directory__enter())
		return -1;
	file = fopen("script", "we");
	assert_non_null(file);
	fputs("#!/bin/sh\n"
	      "echo begins $PYFRAG_ALERT_STATE >> $PYFRAG_ALERT_PID\n"
	      "until [ -e go ]; do sleep 0.02; done\n"
	      "echo ends $PYFRAG_ALERT_STATE >> $PYFRAG_ALERT_PID\n",
	      file);
	fclose(file);
	assert_int_equal(chmod("script", 0700), 0);
	assert_int_equal(alert_sender__new(&sender, to, 1, &failure), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	alert_sender__free(TAKE_PTR(sender));
	return system("rm -f ./*") ? -1 : scratch_directory__leave();
}

static void send_alert(pid_t pid, process_owner owner, bool is_firing)
{
	const struct alert_rule rule = {.text = (char *)"pinned_bytes > 1"};
	const struct alert alert = {.pid = pid,
				    .is_firing = is_firing,
				    .name = (char *)"name",
				    .owner = owner,
				    .types = (char *)"",
				    .sites = (char *)""};

	alert_sender__send(sender, &rule, &alert);
}

static void read_said(pid_t pid, char *text, size_t size)
{
	_cleanup_fclose_ FILE *file = NULL;
	char name[32];

	snprintf(name, sizeof(name), "%d", pid);
	file = fopen(name, "re");
	text[file ? fread(text, 1, size - 1, file) : 0] = '\0';
}

static void assert_says(pid_t pid, const char *expected)
{
	char text[256];

	read_said(pid, text, sizeof(text));
	for (int i = 0; i < TRIES_MAX && strcmp(text, expected) != 0; i++) {
		poll(NULL, 0, TRY_MS);
		read_said(pid, text, sizeof(text));
	}
	assert_string_equal(text, expected);
}

static void let_go(void)
{
	int fd = open("go", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void test_one_does_not_hold_back_others(void **state)
{
	(void)state;
	for (pid_t pid = 1; pid <= ALERT_COMMANDS_AT_ONCE; pid++)
		send_alert(pid, pid == 1 ? 'a' : 'b', true);
	for (pid_t pid = 1; pid <= ALERT_COMMANDS_AT_ONCE; pid++)
		assert_says(pid, "begins firing\n");
	send_alert(9, 'c', true);
	let_go();
	for (pid_t pid = 1; pid <= ALERT_COMMANDS_AT_ONCE; pid++)
		assert_says(pid, "begins firing\nends firing\n");
	assert_says(9, "begins firing\nends firing\n");
	assert_int_equal(alert_sender__failed_cnt(sender), 0);
}

/* However many alerts one user's processes cause. */
static void test_others_have_a_place(void **state)
{
	(void)state;
	for (pid_t pid = 1; pid <= 10; pid++)
		send_alert(pid, 'a', true);
	send_alert(11, 'b', true);
	assert_says(11, "begins firing\n");
	let_go();
	for (pid_t pid = 1; pid <= 11; pid++)
		assert_says(pid, "begins firing\nends firing\n");
	assert_int_equal(alert_sender__failed_cnt(sender), 0);
}

static void test_of_one_alert_they_run_in_turn(void **state)
{
	(void)state;
	send_alert(1, 'a', true);
	send_alert(1, 'a', false);
	send_alert(2, 'a', true);
	assert_says(2, "begins firing\n");
	assert_says(1, "begins firing\n");
	let_go();
	assert_says(1, "begins firing\nends firing\nbegins resolved\nends resolved\n");
}

/*
 * At the end all running commands are ended. This is the last test, because no other command is
 * started afterwards.
 */
static void test_the_end(void **state)
{
	(void)state;
	for (pid_t pid = 1; pid <= 10; pid++)
		send_alert(pid, pid == 1 ? 'a' : 'b', true);
	assert_says(1, "begins firing\n");
	alert_sender__end(sender, 1);
	for (pid_t pid = 1; pid <= 10; pid++) {
		char text[256];

		read_said(pid, text, sizeof(text));
		assert_null(strstr(text, "ends"));
	}
	assert_in_range(alert_sender__failed_cnt(sender), 1, ALERT_COMMANDS_AT_ONCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_does_not_hold_back_others, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_others_have_a_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_of_one_alert_they_run_in_turn, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_the_end, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
