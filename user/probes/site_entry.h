/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The probe sites of one file as text: a line with their number, then a line for each, sorted by
 * address. All numbers are hexadecimal: the address, whether the kernel emulates the instruction,
 * and the 8 bytes of struct pyfrag_site.
 *
 * An entry is accepted only if it is what would have been written: the right number of sites, each
 * of them possible, in order, and formatted in the same way.
 */
#pragma once

#include <stdio.h>

#include "probes/sites.h"
#include "target/elf.h"

/* Debian's builds have the most sites, 320. */
#define SITE_ENTRY_SITES_MAX 10000

/* Does not flush. Returns 0; -EFBIG: there are more than SITE_ENTRY_SITES_MAX sites; or -EIO. */
int site_entry__write(const struct site_set *set, FILE *file);

/*
 * Reads @file to its end. Offsets are those in @elf, whose code must contain each address. Returns
 * 0; -EINVAL: it is not what site_entry__write() writes; or -ENOMEM. The caller frees *out.
 */
int site_entry__read(struct site_set *out, FILE *file, const struct elf_file *elf);
