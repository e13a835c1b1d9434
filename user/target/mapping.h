/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is mapped where in a process: the lines of /proc/PID/maps, which those of smaps begin with, too
 * (proc_pid_maps(5)).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping {
	uint64_t start, end; /* addresses, end exclusive */
	uint64_t offset;     /* in the file, bytes */
	uint64_t inode;	     /* 0: no file */
	unsigned int dev_major, dev_minor;
	bool readable, writable, executable;
	bool deleted; /* the file has no name any more */
	char *path;   /* as the target's mount namespace names it; "" if none */
};

/* Whether two mappings are of the same file. */
static inline bool mapping__is_same_file(const struct mapping *a, const struct mapping *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

struct mappings {
	struct mapping *items; /* by address */
	size_t cnt, capacity;
};

/* Appends the mapping that @line tells of; it is changed. Returns 0, -EIO: it tells of none, or -ENOMEM. */
int mappings__append(struct mappings *mappings, char *line);
void mappings__release(struct mappings *mappings);
