/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stopping a process for a moment, for those who ask for it: every thread is seized and interrupted
 * through ptrace(2). Unlike SIGSTOP, nobody is told, and the kernel lets the threads run again by
 * itself should we die.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pause {
	struct paused_thread {
		pid_t id;
		int signal; /* that was on its way when the thread stopped; 0: none */
	} * threads;
	size_t thread_cnt, thread_capacity;
	uint64_t since_ns; /* CLOCK_MONOTONIC */
};

/*
 * Stops all threads of @pid. On failure none is stopped. Errors: -EPERM not allowed, or another
 * debugger is attached; -ESRCH; -ENOMEM; -EAGAIN it makes threads faster than they can be stopped.
 */
int pause__begin(struct pause *pause, pid_t pid);

/* Lets them run. Returns for how long the process was stopped, in ns. */
uint64_t pause__end(struct pause *pause);
