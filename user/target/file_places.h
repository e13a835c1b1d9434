/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All places where a process has parts of one file mapped. A uprobe belongs to a file: the kernel
 * inserts the breakpoint into each mapping of the process that contains its offset, not only where
 * the loader has mapped the code (register_for_each_vma() in kernel/events/uprobes.c).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/mapping.h"
#include "target/target.h"

/* Adjacent mappings that continue each other are one place. */
struct file_place {
	uint64_t start, end; /* addresses in the process, end exclusive */
	uint64_t offset;     /* of the byte at @start, in the file, bytes */
};

/* The loader makes four to six; a process that has many more is refused. */
#define FILE_PLACES_MAX 32

struct file_places {
	struct file_place items[FILE_PLACES_MAX]; /* by address */
	size_t cnt;
};

/*
 * Collects the places of the file that @mapping maps, from @maps, which is sorted by address.
 * Returns 0, or -E2BIG: more than FILE_PLACES_MAX places.
 */
int file_places__collect(struct file_places *out, const struct mapping *maps, size_t cnt,
			 const struct mapping *mapping);

/*
 * As file_places__collect(), for the current mappings of @target (which are read, and not kept) and
 * the file behind @fd, which must be mapped at @address. Returns 0; -ESTALE: another file, or none,
 * is mapped there; -E2BIG: more than FILE_PLACES_MAX places, or more mappings than are read;
 * -ESRCH: the process has exited; or negative errno.
 */
int file_places__find(struct file_places *out, struct target *target, int fd, uint64_t address);
