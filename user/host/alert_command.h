/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells a command of an alert: JSON on its standard input, the main things in its environment. */
#pragma once

#include "host/alert_message.h"

/*
 * Runs @command, words of which the first is a program, and waits for its end; no shell sees the words. Returns 0,
 * -EPROTO: it has failed itself, or negative errno.
 */
int alert_command__run(const char *command, const struct alert_message *message);

/* What does that in place of this process, which may not execute anything; before there are threads. */
typedef int alert_command_fn(const char *command, const struct alert_message *message);
void alert_command__run_by(alert_command_fn *run);
