/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU time and memory of the agent's own processes. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct usage {
	double cpu_s;
	double resident_bytes;
};

/* The sum over @cnt processes; those that have ended count as 0. */
struct usage usage__of(const pid_t *pids, size_t cnt);
