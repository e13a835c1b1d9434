/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The probe sites of one executable or library: all copies of the allocator's fast paths, the slow
 * paths that take and return pools, the code that maps and unmaps arenas, and the function that
 * clears free lists.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pyfrag/events.h"
#include "target/elf.h"

/* Part of the key of cached scans. Increase it whenever a scan would find something else. */
#define SITES_SCANNER_VERSION 14

struct site {
	uint64_t address; /* virtual address in the ELF file */
	uint64_t offset;  /* offset in the file, bytes: where a uprobe goes */
	bool emulated;	  /* by the kernel, when it is probed */
	struct pyfrag_site probe;
};

/* Encodes a site for the BPF program: its probe, and whether the instruction is emulated. */
struct pyfrag_site site__encode(const struct site *site);

struct site_set {
	struct site *items; /* sorted by address */
	size_t cnt, capacity;
};

/*
 * Scans the code, which may be of another architecture than this program. Returns 0; -ENOTSUP: the
 * architecture is unknown (elf_file__arch()); or negative errno. The caller frees the set, which
 * may be empty.
 */
int site_set__scan(struct site_set *out, struct elf_file *elf);

/* The same, but only for sites that have no shape and are found by the name of a function. */
int site_set__scan_named(struct site_set *out, struct elf_file *elf);

void site_set__free(struct site_set *set);

/* The number of sites of a type. */
size_t site_set__count(const struct site_set *set, enum pyfrag_event_type type);

/* "alloc", "free", "new pool", ... */
const char *site__type_name(enum pyfrag_event_type type);
