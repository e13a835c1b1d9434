/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that may be Pythons: reported by BPF when they start, or found in /proc. A program that
 * has just been executed has not mapped its libraries yet, and most short-lived ones exit before
 * anybody needs to look at them. Therefore a process is looked at some time after it started, and
 * again later if it was not a Python yet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/process_owner.h"

struct candidate {
	pid_t pid;
	uint32_t look_cnt;   /* number of looks so far */
	uint64_t due_ns;     /* CLOCK_MONOTONIC */
	process_owner owner; /* valid if @has_owner */
	bool has_owner;
};

struct candidates {
	struct candidate *items; /* sorted by pid */
	size_t cnt, capacity;
};

void candidates__release(struct candidates *candidates);

/* Adds a process that started or executed a program at @now_ns. Returns 0 or -ENOMEM. */
int candidates__add(struct candidates *candidates, pid_t pid, uint64_t now_ns);

/*
 * Adds a process again that has had @look_cnt looks, the last of which ended at @now_ns, and that
 * may still become a Python. Returns 0 or -ENOMEM.
 */
int candidates__add_again(struct candidates *candidates, pid_t pid, uint32_t look_cnt,
			  uint64_t now_ns);

/*
 * Adds all existing processes, to be looked at immediately. Returns 0, -ENOMEM or a negative errno
 * from reading /proc.
 */
int candidates__scan(struct candidates *candidates, uint64_t now_ns);

enum look_result {
	LOOK_DONE,  /* remove this one */
	LOOK_AGAIN, /* it may still become a Python: look again later, up to a few times */
	LOOK_LATER, /* it was not looked at: try again next time */
	LOOK_STOP,  /* like LOOK_LATER, and the same for all others */
};

/* May fill in the candidate's owner. */
typedef enum look_result candidates_look_fn(void *context, struct candidate *candidate);

/* Calls @look for those that are due. */
void candidates__look(struct candidates *candidates, uint64_t now_ns, candidates_look_fn *look,
		      void *context);
