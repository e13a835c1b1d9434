/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everywhere a process has parts of one file mapped. A uprobe sits on a file: the kernel puts the
 * breakpoint into each of the process's mappings that hold its offset, not only where the loader
 * has put the code (register_for_each_vma() in kernel/events/uprobes.c).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/mapping.h"
#include "target/target.h"

/* Neighbouring mappings that continue each other are one place. */
struct file_place {
	uint64_t start, end; /* addresses in the process, end exclusive */
	uint64_t offset;     /* in the file, bytes, of what is at @start */
};

/* The loader makes four to six; a process that has made many more is refused. */
#define FILE_PLACES_MAX 32

struct file_places {
	struct file_place items[FILE_PLACES_MAX]; /* by address */
	size_t cnt;
};

/*
 * Collects from @maps, sorted by address, those of the file that @mapping is of. Returns 0, or
 * -E2BIG: more places than FILE_PLACES_MAX.
 */
int file_places__collect(struct file_places *out, const struct mapping *maps, size_t cnt,
			 const struct mapping *mapping);

/*
 * The same of @target as it is now (its maps are read, and forgotten again), of the file behind
 * @fd, which must be mapped at @address. Returns 0; -ESTALE: another file, or none, is mapped
 * there; -E2BIG: more places than FILE_PLACES_MAX, or more mappings than are read; -ESRCH: the
 * process has exited; or negative errno.
 */
int file_places__find(struct file_places *out, struct target *target, int fd, uint64_t address);
