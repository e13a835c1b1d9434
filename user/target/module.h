/* SPDX-License-Identifier: BSD-2-Clause */
/* An executable or library as mapped in a process: the file, and where the process has it. */
#pragma once

#include <stdint.h>

#include "target/elf.h"
#include "target/mapped_file.h"
#include "target/target.h"

struct module {
	char *path; /* as the target names it */
	struct mapped_file file;
	int fd; /* of that file; -1: currently closed */
	struct elf_file *elf;
	uint64_t bias; /* address in the process - address in the file */
};

/*
 * Opens the module that @mapping (an executable mapping of a file) belongs to. Its place in memory
 * follows from the first mapping of the file, beginning with @mapping, around which the whole
 * module is in place; if there is none, from @mapping. Returns 0; -ENOEXEC: not an ELF file, or
 * @mapping maps no code segment of it and no other mapping fits; or negative errno. The caller
 * frees.
 */
int module__open(struct module **out, const struct target *target, const struct mapping *mapping);

/*
 * Closes the file of a module that lives on without being read. Closing a file that is open for
 * reading may block forever, because the kernel first asks a file server (FUSE: FUSE_FLUSH), so
 * call this where waiting does no harm. Afterwards module__free() does not block. Everything read
 * from the file is freed, except for its segments.
 */
void module__close_file(struct module *module);

/* Opens it again if it is closed. Returns 0, or as mapped_file__open(). */
int module__reopen_file(struct module *module);

void module__free(struct module *module);
void module__freep(struct module **module);
