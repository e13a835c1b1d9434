/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An executable or library as it is mapped in a process: the file, and where the process has it.
 */
#pragma once

#include <stdint.h>

#include "target/elf.h"
#include "target/process.h"

struct module {
	char *path; /* as the target names it */
	int fd;	    /* the very file that is mapped */
	struct elf_file *elf;
	uint64_t bias; /* address in the process - address in the file */
};

/* A piece of the target's memory, copied. Bytes that could not be read are zero. */
struct data_segment {
	uint64_t address;
	uint8_t *bytes;
	size_t size;
};

struct data_image {
	struct data_segment *segments;
	size_t segment_cnt;
	uint64_t module_start,
		module_end; /* all of the module's segments lie between; 0: not known */
};

/*
 * Opens the module that @mapping (an executable mapping of a file) belongs to. Where it is in
 * memory is what that mapping says, or another one of the file if that cannot be. Returns 0;
 * -ENOEXEC: not an ELF file, or not mapped as its headers say; or negative errno. The caller frees.
 */
int module__open(struct module **out, const struct process *process, const struct mapping *mapping);
void module__free(struct module *module);
void module__freep(struct module **module);

/*
 * Copies the module's writable data (.data, .bss, and what is read-only after relocation) out of
 * @memory. Returns 0, -EFBIG above 32 MiB, or negative errno. The caller frees the image.
 */
int module__read_data(const struct module *module, const struct memory *memory,
		      struct data_image *out);
void data_image__free(struct data_image *image);

/* Copies the word at @address out of the image; 0, or -EFAULT if the image does not hold it. */
int data_image__word(const struct data_image *image, uint64_t address, uint64_t *word);
