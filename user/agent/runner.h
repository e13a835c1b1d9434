/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that runs the administrator's commands. It has the list of commands from the start,
 * and receives only the number of the command to run and the alert for it. So a compromised server
 * cannot make it run anything else.
 */
#pragma once

#include <stddef.h>

#include "agent/part.h"
#include "alerts/alert_message.h"

/* Destinations of alerts (see alert_sender.h). Those that are not commands are ignored. */
struct runner_options {
	const char *const *alert_to;
	size_t cnt;
};

/* The run function of its struct part_options. @context is a struct runner_options. */
int runner__run(int fd, const void *context);

/*
 * For the clients of the runner: makes alert_command__run() of this process ask the runner at @fd.
 */
void runner__use(int fd, const struct runner_options *options);
