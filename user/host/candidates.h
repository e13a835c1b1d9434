/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that may be Pythons: told by BPF as they come to be, or found in /proc. A program that
 * has just been executed has not mapped its libraries yet, and most that are short-lived end before
 * anybody has to look: so each is looked at a while after, and again later if there was nothing to
 * be seen yet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/process_owner.h"

struct candidate {
	pid_t pid;
	uint32_t look_cnt;   /* how often it was looked at */
	uint64_t due_ns;     /* CLOCK_MONOTONIC */
	process_owner owner; /* once somebody has looked: */
	bool has_owner;
};

struct candidates {
	struct candidate *items; /* by pid */
	size_t cnt, capacity;
};

void candidates__release(struct candidates *candidates);

/* A process that has come to be, or has executed a program, at @now_ns. Returns 0 or -ENOMEM. */
int candidates__add(struct candidates *candidates, pid_t pid, uint64_t now_ns);

/*
 * One that was looked at @look_cnt times, the last time until @now_ns, and may yet become one.
 * Returns 0 or -ENOMEM.
 */
int candidates__add_again(struct candidates *candidates, pid_t pid, uint32_t look_cnt,
			  uint64_t now_ns);

/*
 * All processes that there are, to be looked at at once. Returns 0, -ENOMEM or negative errno of
 * reading /proc.
 */
int candidates__scan(struct candidates *candidates, uint64_t now_ns);

enum look_result {
	LOOK_DONE,  /* that one is done with */
	LOOK_AGAIN, /* it may yet become one: it comes again later, up to a few times */
	LOOK_LATER, /* it was not looked at: it comes next time */
	LOOK_STOP,  /* as that, and so do the others */
};

/* May fill in who its owner is. */
typedef enum look_result candidates_look_fn(void *context, struct candidate *candidate);

/* Looks at those that are due. */
void candidates__look(struct candidates *candidates, uint64_t now_ns, candidates_look_fn *look,
		      void *context);
