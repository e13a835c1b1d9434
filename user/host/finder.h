/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds out which processes of a host are Pythons that are to be watched. Several threads may look
 * at processes at a time.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "host/watched.h"
#include "util/failure.h"

/* Which Pythons to watch: those that meet all conditions. */
struct host_filter {
	const char *comm, *user; /* NULL: any */
	const char *cgroup;	 /* a part of the path; NULL: any */
	/* A POSIX extended regular expression that the command line matches; NULL: any. */
	const char *match;
};

struct finder;

/*
 * @filter's texts and @total must outlive the finder; memory for the Pythons found is charged to
 * @total. @reads_swapped: as for watched__new(). Errors are described. The caller frees @out.
 */
int finder__new(struct finder **out, const struct host_filter *filter, struct account *total,
		bool reads_swapped, struct failure *failure);
void finder__free(struct finder *finder);

/* See python_files__left_out_cnt(). */
uint64_t finder__files_left_out(const struct finder *finder);

/*
 * Looks at process @pid. Returns 0 and a Python to watch in *out, ready to be read, or NULL if it
 * is none and cannot become one; -EAGAIN if it may still become one; -ENOMEM; or why a Python
 * cannot be read, described.
 */
int finder__look(struct finder *finder, pid_t pid, struct watched **out, struct failure *failure);
