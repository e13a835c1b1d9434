/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the Pythons of a host are watched, and what that has come to.
 */
#pragma once

#include <stdint.h>

#include "host/finder.h"
#include "host/watched.h"
#include "util/pace.h"

struct host_options {
	struct host_filter filter;
	struct watched_options watched;
	struct pace pace;	   /* of reading; its budget is a share of one core */
	uint64_t max_memory_bytes; /* for all that is known of all Pythons together */
};

/* What the host has been through. */
struct host_counts {
	uint64_t found, gone; /* Pythons */
	uint64_t unreadable;  /* processes with a Python whose heap could not be opened */
	uint64_t readings, read_errors;
	uint64_t overruns; /* looks and readings that were ended, for they took too much CPU time */
	uint64_t deferred; /* readings that came later than their interval, for the budget */
	uint64_t forgotten;   /* heap images that were given up, for all together took too much */
	uint64_t events_lost; /* of processes: /proc was looked at again */
	uint64_t taken_ns;    /* CPU time of looking and reading */
	uint64_t late;	      /* of these, those that took over half a second of time */
	uint64_t hanging;     /* those that have not ended yet */
	uint64_t
		held_back; /* looks that were put off, for readings of that user's processes hang */
	uint64_t left_out; /* Pythons not watched, for there are too many: see places.h */
	/* Executable files not looked into, for their process has too many. */
	uint64_t files_left_out;
};
