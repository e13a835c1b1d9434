/* SPDX-License-Identifier: BSD-2-Clause */
/* How the Pythons of a host are watched, and counts of what was done. */
#pragma once

#include <stdint.h>

#include "host/finder.h"
#include "host/watched.h"
#include "util/pace.h"

struct host_options {
	struct host_filter filter;
	struct watched_options watched;
	struct pace pace;	   /* of readings; its budget is a share of one core */
	uint64_t max_memory_bytes; /* for the data about all Pythons together */
};

/* Totals since the start, unless noted otherwise. */
struct host_counts {
	uint64_t found, gone; /* Pythons */
	uint64_t unreadable;  /* processes with a Python whose heap could not be opened */
	uint64_t readings, read_errors;
	uint64_t overruns;    /* looks and readings that exceeded their CPU time */
	uint64_t deferred;    /* readings delayed by the budget */
	uint64_t forgotten;   /* heap images and results dropped to stay within the memory limit */
	uint64_t events_lost; /* about processes; /proc was searched again */
	uint64_t taken_ns;    /* CPU time of all jobs */
	uint64_t late;	      /* jobs that took more than half a second */
	uint64_t hanging;     /* jobs that are stalled now */
	uint64_t held_back;   /* looks delayed because the user's jobs stalled or took too long */
	uint64_t left_out;    /* Pythons not watched because there are too many, see places.h */
	/* Executable files not examined because their process has too many or too large ones. */
	uint64_t files_left_out;
};
