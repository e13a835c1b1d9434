/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files are a CPython: executables and libraries that export its allocator. Many processes
 * share one file, so the result for a file is cached.
 *
 * The result depends on the content of the file only, and is cached under what identifies the
 * content: device, inode, size and time of the last change. How a process has mapped the file, and
 * that it could not be read just now, say nothing about it and are not cached. Each user has a
 * cache of its own, of at most PYTHON_FILES_PER_USER_MAX files, so that one who maps a hundred
 * thousand files does not evict those of others.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"

#define PYTHON_FILES_PER_USER_MAX 4096
/* Additional users replace the one whose cache was used least recently. */
#define PYTHON_FILES_USERS_MAX 64

struct python_files;

/* For all files of a process together. An unstripped browser has 300 MiB of names. */
#define PYTHON_FILES_BYTES_MAX (1UL << 30)

/*
 * At most @bytes_max bytes are read for one process. Returns 0 or -ENOMEM. The caller frees @out.
 */
int python_files__new(struct python_files **out, uint64_t bytes_max);
void python_files__free(struct python_files *files);

/*
 * Sets *is_python to whether @target has a CPython mapped, initialized or not, among its first
 * EXECUTABLE_FILES_MAX executable files. May be called by several threads at a time; one that waits
 * for a file does not block the others. Returns 0, -ENOMEM, or -ETIME if the thread's allowance of
 * CPU time is used up.
 */
int python_files__find(struct python_files *files, const struct target *target, bool *is_python);

/* How many files were not examined because their process has too many or too large ones. */
uint64_t python_files__left_out_cnt(const struct python_files *files);
