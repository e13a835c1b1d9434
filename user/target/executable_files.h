/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs and libraries of a process: each file of which it has an executable mapping, once. A
 * process may have a file mapped thousands of times, and thousands of files, so this is one list in
 * the order of addresses and one in the order of files, and who goes through it opens
 * EXECUTABLE_FILES_MAX of them and no more.
 */
#pragma once

#include <stddef.h>

#include "target/mapping.h"

/* A large program has some hundreds of libraries; opening a file takes some ten microseconds. */
#define EXECUTABLE_FILES_MAX 1024

struct executable_files {
	const struct mapping *
		*items;	 /* the first executable mapping of each, by address; not owned */
	size_t *by_file; /* their places, by device and inode */
	size_t cnt;
};

/* Returns 0 or -ENOMEM; the caller releases. The mappings must outlive it. */
int executable_files__find(struct executable_files *out, const struct mapping *maps, size_t cnt);
void executable_files__release(struct executable_files *files);

/* The place of the file that @mapping is of, or SIZE_MAX. */
size_t executable_files__place_of(const struct executable_files *files,
				  const struct mapping *mapping);
