/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes of a host are Pythons that somebody wants to watch. Several threads may look at a
 * time.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "host/watched.h"
#include "util/failure.h"

/* Whom to watch; a Python that all of them are true of. */
struct host_filter {
	const char *comm, *user; /* NULL: any */
	const char *cgroup;	 /* part of the path; NULL: any */
	/* A POSIX extended regular expression that the command line matches; NULL: any. */
	const char *match;
};

struct finder;

/*
 * @filter's texts must outlive it, and so must @total, of which all that is found takes its memory.
 * Errors are described; the caller frees.
 */
int finder__new(struct finder **out, const struct host_filter *filter, struct account *total,
		struct failure *failure);
void finder__free(struct finder *finder);

/* As python_files__left_out_cnt(). */
uint64_t finder__files_left_out(const struct finder *finder);

/*
 * Looks at process @pid. Returns 0 and *out: a wanted Python, ready to be read, or NULL: it is
 * none, nor will it become one; -EAGAIN: it may yet; -ENOMEM; or why a Python cannot be read,
 * described.
 */
int finder__look(struct finder *finder, pid_t pid, struct watched **out, struct failure *failure);
