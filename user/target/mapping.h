/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is mapped where in a process: the lines of /proc/PID/maps, which those of smaps begin with,
 * too (proc_pid_maps(5)).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct mapping {
	uint64_t start, end; /* addresses, end exclusive */
	uint64_t offset;     /* in the file, bytes */
	uint64_t inode;	     /* 0: no file */
	unsigned int dev_major, dev_minor;
	bool readable, writable, executable;
	bool deleted; /* the file has no name any more */
	/* As the target's mount namespace names it; "" if none. Of a list: owned by that. */
	const char *path;
};

/* Whether two mappings are of the same file. */
static inline bool mapping__is_same_file(const struct mapping *a, const struct mapping *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

/*
 * A process has 65,530 mappings at most (vm.max_map_count), more where the administrator says so.
 * Four times that many are read, and 16 MiB of names of files, which takes 40 MiB of our memory.
 */
#define MAPPINGS_MAX		(1UL << 18)
#define MAPPING_NAMES_MAX_BYTES (16UL << 20)

struct mappings {
	struct mapping *items; /* by address. Neighbours of the same name share one text */
	size_t cnt, capacity;
	size_t name_bytes;
	bool is_cut; /* there are more than is read of them */
};

/*
 * Appends the mapping that @line tells of; it is changed. Returns 0; -EIO: it tells of none;
 * -E2BIG: there are as many as may be; or -ENOMEM.
 */
int mappings__append(struct mappings *mappings, char *line);
void mappings__release(struct mappings *mappings);

/*
 * Reads the text of maps, as far as the limits above let. Returns 0, -EIO or -ENOMEM; the caller
 * releases.
 */
int mappings__read(struct mappings *out, FILE *file);
