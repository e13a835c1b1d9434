/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stops a running process for a moment: every thread is seized and interrupted through ptrace(2).
 * Unlike with SIGSTOP, its parent is not notified, and if we die the kernel lets the threads run
 * again.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct live_pause {
	struct paused_thread {
		pid_t id;
		int signal; /* pending when the thread stopped; 0: none */
	} * threads;
	size_t thread_cnt, thread_capacity;
	uint64_t since_ns; /* CLOCK_MONOTONIC */
};

/* Stops all threads of @pid, as target__pause(). */
int live_pause__begin(struct live_pause *pause, pid_t pid);

/* Lets them run again, as target__resume(). */
uint64_t live_pause__end(struct live_pause *pause);
