/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The probe sites of one file as text: a line with their number, then a line for each, by address.
 * All numbers are hexadecimal: the address, whether the kernel emulates the instruction, and the 8
 * bytes of struct pyfrag_site.
 *
 * What is read is taken only if it is what would have been written: no more sites, each a possible
 * one, in order, formatted in the same way.
 */
#pragma once

#include <stdio.h>

#include "probes/sites.h"
#include "target/elf.h"

/* Debian's builds, which have the most, have 320. */
#define SITE_ENTRY_SITES_MAX 10000

/* Returns 0; -EFBIG: there are more than SITE_ENTRY_SITES_MAX; -EIO. Does not flush. */
int site_entry__write(const struct site_set *set, FILE *file);

/*
 * Reads to the end of @file. Offsets are those in @elf, in whose code each address must lie.
 * Returns 0, -EINVAL: something else than site_entry__write() writes; or -ENOMEM. The caller frees.
 */
int site_entry__read(struct site_set *out, FILE *file, const struct elf_file *elf);
