/* SPDX-License-Identifier: BSD-2-Clause */
/* What processes of our own take. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct usage {
	double cpu_s;
	double resident_bytes;
};

/* Of @cnt processes together; those that are gone take nothing. */
struct usage usage__of(const pid_t *pids, size_t cnt);
