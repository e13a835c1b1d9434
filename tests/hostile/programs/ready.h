/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the hostile programs in C: how a program reports that it is ready, and how it gives up.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void say_ready(void)
{
	printf("ready %d\n", getpid());
	fflush(stdout);
}

static inline void give_up(const char *what)
{
	perror(what);
	exit(1);
}
