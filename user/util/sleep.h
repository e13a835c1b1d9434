/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <time.h>

/* Sleeps for @ns nanoseconds, less than a second; a signal ends it early. */
static inline void sleep_ns(long ns)
{
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}
