/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a command for an alert: JSON on its standard input, the main things in its environment.
 *
 * It is a process group of its own, with no descriptor of pyfrag's but standard output and error,
 * and with all signals as they are by default. If it does not end in time, its group is ended:
 * first by SIGTERM, half a second later by SIGKILL.
 */
#pragma once

#include "alerts/alert_message.h"

/* What a command has to do its work. */
#define ALERT_COMMAND_MS 10000

/*
 * Runs @command, words of which the first is a program, and waits for its end; no shell sees the
 * words. Several threads may do so at a time. Returns 0; -EPROTO: it has failed itself; -ETIMEDOUT:
 * it was ended; -ECANCELED: alert_command__end_all() was called; or another negative errno.
 */
int alert_command__run(const char *command, const struct alert_message *message);

/* Ends those that run, and has others not started, for good. May be called by any thread. */
void alert_command__end_all(void);

/*
 * What does the work in place of this process, which may not execute anything; before there are
 * threads.
 */
struct alert_command_proxy {
	int (*run)(const char *command, const struct alert_message *message);
	void (*end_all)(void);
};

void alert_command__run_by(const struct alert_command_proxy *proxy);
