/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files are a CPython: an executable or library that exports its allocator. Many processes
 * share one file, so what a file was found to be is remembered.
 *
 * Whether it is one is decided by what is in the file alone, and remembered under what identifies
 * that: device, inode, size, and when it was last changed. How a process has mapped it, and that it
 * could not be read just now, say nothing of the file, and are not remembered. Each user has a
 * memory of its own, of PYTHON_FILES_PER_USER_MAX files at most, so that who maps a hundred
 * thousand files has others forget none.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"

#define PYTHON_FILES_PER_USER_MAX 4096
/* Users beyond that take the place of who was looked at least recently. */
#define PYTHON_FILES_USERS_MAX 64

struct python_files;

/* Of all files of a process together: an unstripped browser has 300 MiB of names. */
#define PYTHON_FILES_BYTES_MAX (1UL << 30)

/*
 * Of a process no more than @bytes_max bytes are read at a time. Returns 0 or -ENOMEM; the caller
 * frees.
 */
int python_files__new(struct python_files **out, uint64_t bytes_max);
void python_files__free(struct python_files *files);

/*
 * Whether @target has a CPython mapped, come up or not, among its first EXECUTABLE_FILES_MAX
 * executable files. Several threads may ask at a time: whoever waits for a file keeps no other one
 * waiting. Returns 0, -ENOMEM, or -ETIME: the thread's allowance of CPU time is used up.
 */
int python_files__find(struct python_files *files, const struct target *target, bool *is_python);

/* How many files were not looked into, for their process has more than that, or larger ones. */
uint64_t python_files__left_out_cnt(const struct python_files *files);
