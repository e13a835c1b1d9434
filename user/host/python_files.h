/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files are a CPython: an executable or library that exports its allocator. Many processes share one file, so
 * each is looked into once, and what it was found to be is forgotten after a while: files are replaced.
 */
#pragma once

#include <stdbool.h>

#include "target/process.h"

struct python_files;

/* Returns 0 or -ENOMEM; the caller frees. */
int python_files__new(struct python_files **out);
void python_files__free(struct python_files *files);

/*
 * Whether @process has a CPython mapped, come up or not. Several threads may ask at a time: whoever waits for a file
 * keeps no other one waiting. Returns 0 or -ENOMEM.
 */
int python_files__find(struct python_files *files, const struct process *process, bool *is_python);
