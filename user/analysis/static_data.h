/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Static data without a file: a program or library requests more memory for its data than its file
 * has (.bss), and the loader maps that behind the file. The kernel may merge it with what follows,
 * so the module's ELF headers tell where it ends.
 */
#pragma once

#include "analysis/memory_parts.h"
#include "target/mapping.h"
#include "target/target.h"

/*
 * Adds the static data behind the mappings of files in @mappings, those of @target; its owner is
 * the number of the mapping of the file before it. Returns 0, -EDQUOT or -ENOMEM.
 */
int static_data__add(struct part_ranges *ranges, const struct target *target,
		     const struct mappings *mappings);
