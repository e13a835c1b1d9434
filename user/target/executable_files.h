/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs and libraries of a process: each file that has an executable mapping, once. A
 * process may map one file thousands of times, and thousands of files, so there is one list ordered
 * by address and one ordered by file, and callers that go through it open at most
 * EXECUTABLE_FILES_MAX files.
 */
#pragma once

#include <stddef.h>

#include "target/mapping.h"

/* A large program has some hundreds of libraries; opening a file takes about ten microseconds. */
#define EXECUTABLE_FILES_MAX 1024

struct executable_files {
	const struct mapping *
		*items;	 /* the first executable mapping of each file, by address; not owned */
	size_t *by_file; /* indices into items, by device and inode */
	size_t cnt;
};

/* Returns 0 or -ENOMEM; the caller releases *out. The mappings must outlive it. */
int executable_files__find(struct executable_files *out, const struct mapping *maps, size_t cnt);
void executable_files__release(struct executable_files *files);

/* The index of the file that @mapping maps, or SIZE_MAX. */
size_t executable_files__place_of(const struct executable_files *files,
				  const struct mapping *mapping);
