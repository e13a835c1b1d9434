/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mappings of a process: the lines of /proc/PID/maps, each of which also begins an entry of
 * smaps (proc_pid_maps(5)).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct mapping {
	uint64_t start, end; /* addresses, end exclusive */
	uint64_t offset;     /* in the file, bytes */
	uint64_t inode;	     /* 0: no file */
	unsigned int dev_major, dev_minor;
	bool readable, writable, executable;
	bool shared;  /* writes go to the file, and other processes see them */
	bool deleted; /* the file has been deleted */
	/* As named in the target's mount namespace; "" if none. In a list, owned by the list. */
	const char *path;
};

/* Whether two mappings are of the same file. */
static inline bool mapping__is_same_file(const struct mapping *a, const struct mapping *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

/*
 * Whether it is anonymous memory in huge pages (MAP_HUGETLB): the kernel makes a deleted file of
 * hugetlbfs for it, which has that name (hugetlb_file_setup(), fs/hugetlbfs/inode.c).
 */
static inline bool mapping__is_hugetlb(const struct mapping *mapping)
{
	return mapping->inode && !mapping->dev_major && mapping->deleted && !mapping->shared &&
	       !strcmp(mapping->path, "/anon_hugepage");
}

static inline bool mapping__is_anonymous(const struct mapping *mapping)
{
	return !mapping->inode || mapping__is_hugetlb(mapping);
}

/*
 * A process has at most 65,530 mappings (vm.max_map_count), unless the administrator raises that.
 * Four times as many are read, and 16 MiB of file names, which takes 40 MiB of our memory.
 */
#define MAPPINGS_MAX		(1UL << 18)
#define MAPPING_NAMES_MAX_BYTES (16UL << 20)

struct mappings {
	struct mapping *items; /* by address. Neighbours with the same name share its text */
	size_t cnt, capacity;
	size_t name_bytes;
	bool is_cut; /* there are more than were read */
};

/*
 * Appends the mapping that @line describes, and modifies @line. Returns 0; -EIO: it describes none;
 * -E2BIG: a limit is reached; or -ENOMEM.
 */
int mappings__append(struct mappings *mappings, char *line);
void mappings__release(struct mappings *mappings);

/*
 * Reads the text of maps, up to the limits above. Returns 0, -EIO, -ENOMEM, or -ETIME
 * (util/cpu_allowance.h); the caller releases *out.
 */
int mappings__read(struct mappings *out, FILE *file);
