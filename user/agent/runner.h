/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that runs the administrator's commands. It has the commands from the start, and is
 * told by number which one to run, with the alert that it is for: who asks it cannot have another
 * one run.
 */
#pragma once

#include <stddef.h>

#include "agent/part.h"
#include "alerts/alert_message.h"

/* Where alerts go (see alert_sender.h): those that are no commands are not run. */
struct runner_options {
	const char *const *alert_to;
	size_t cnt;
};

/* What it does; a struct part_options' run. Its context are those options. */
int runner__run(int fd, const void *context);

/* The other side. From then on alert_command__run() asks the runner at @fd. */
void runner__use(int fd, const struct runner_options *options);
