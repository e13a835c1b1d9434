/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files are a CPython: an executable or library that exports its allocator. Many processes share one file, so
 * each is looked into once, and what it was found to be is forgotten after a while: files are replaced.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/process.h"
#include "util/id_table.h"

struct python_files {
	struct python_file {
		unsigned int dev_major, dev_minor;
		uint64_t inode;
		bool is_python;
	} * files;
	size_t cnt, capacity;
	struct id_table ids; /* by device and inode */
	uint64_t since_ns;   /* CLOCK_MONOTONIC */
};

void python_files__release(struct python_files *files);

/* Whether @process has a CPython mapped, come up or not. Returns 0 or -ENOMEM. */
int python_files__find(struct python_files *files, const struct process *process, bool *is_python);
