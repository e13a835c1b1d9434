/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An executable or library as it is mapped in a process: the file, and where the process has it.
 */
#pragma once

#include <stdint.h>

#include "target/elf.h"
#include "target/mapped_file.h"
#include "target/target.h"

struct module {
	char *path; /* as the target names it */
	struct mapped_file file;
	int fd; /* of that file; -1: it is closed for now */
	struct elf_file *elf;
	uint64_t bias; /* address in the process - address in the file */
};

/*
 * Opens the module that @mapping (an executable mapping of a file) belongs to. Where it is in
 * memory is what that mapping says, or another one of the file if that cannot be. Returns 0;
 * -ENOEXEC: not an ELF file, or not mapped as its headers say; or negative errno. The caller frees.
 */
int module__open(struct module **out, const struct target *target, const struct mapping *mapping);

/*
 * Closes the file of what lives on without being read: to close a file that is open for reading may
 * take for ever, for the kernel asks a file server first (FUSE: FUSE_FLUSH), so it is done where
 * waiting does no harm. After that module__free() waits for nobody. What was read of the file is
 * forgotten, but for its segments.
 */
void module__close_file(struct module *module);

/* Opens it again, if it is closed. Returns 0, or as mapped_file__open(). */
int module__reopen_file(struct module *module);

void module__free(struct module *module);
void module__freep(struct module **module);
