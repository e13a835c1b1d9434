/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a command for an alert, with the alert as JSON on its standard input and its main fields in
 * the environment.
 *
 * The command runs in its own process group, with default signal actions, and inherits only
 * standard output and standard error. If it does not finish in time, its group gets SIGTERM, and
 * SIGKILL half a second later.
 */
#pragma once

#include "alerts/alert_message.h"

/* The time limit of a command. */
#define ALERT_COMMAND_MS 10000

/*
 * Runs @command and waits for it to exit. It is split into words at blanks, without a shell; the
 * first word is the program. May be called by several threads at once. Returns 0; -EPROTO if the
 * command failed; -ETIMEDOUT if it exceeded its time limit; -ECANCELED if alert_command__end_all()
 * was called; or another negative errno.
 */
int alert_command__run(const char *command, const struct alert_message *message);

/* Ends all running commands; none is started afterwards. May be called by any thread. */
void alert_command__end_all(void);

/*
 * Runs commands on behalf of this process, which may not execute programs itself.
 * alert_command__run_by() must be called before threads are started.
 */
struct alert_command_proxy {
	int (*run)(const char *command, const struct alert_message *message);
	void (*end_all)(void);
};

void alert_command__run_by(const struct alert_command_proxy *proxy);
