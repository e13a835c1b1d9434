/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds which CPython a process runs, without symbols: it is the module (executable or library,
 * whatever its name) whose writable data contains the interpreter's own version string.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/memory.h"
#include "target/module.h"
#include "target/module_data.h"
#include "target/target.h"
#include "util/failure.h"

struct python {
	struct module *module;
	char version[32]; /* "3.11.7" */
	int major, minor;
	bool free_threaded;
	/* The address of _PyRuntime; 0 if there is none (before 3.7), or it was not found. */
	uint64_t runtime;
	/*
	 * Where the list of interpreters is; 0 before 3.12, where they have no allocator state of
	 * their own.
	 */
	uint64_t interpreters_head;
	uint64_t next_interpreter_offset;
};

/*
 * Finds the CPython in @target; the caller frees it. Errors: -ENOEXEC there is no CPython (@failure
 * says what there is), -EAGAIN it has not started up yet, -ENOTSUP a 32-bit process, or negative
 * errno.
 */
int python__find(struct python **out, const struct target *target, struct failure *failure);
/*
 * Finds the module of @target that is a CPython by the symbols it exports, whether it has run yet
 * or not. Returns 0, -ENOEXEC if there is none, -ENOMEM or -ETIME. The caller frees.
 */
int python__find_module(struct module **out, const struct target *target);

void python__free(struct python *python);
void python__freep(struct python **python);

/* The address of a variable or function of CPython in the process; 0 if it has no symbol. */
uint64_t python__find_symbol(const struct python *python, const char *name);

/*
 * Finds "X.Y.Z (build) [compiler]" in the data: the buffer that Py_GetVersion() fills
 * (Python/getversion.c, every version). Writes the "X.Y.Z" part to @version. Returns 0, -ENOENT if
 * there is none, or negative errno from reading.
 */
int python__scan_version(const struct data_image *data, const struct memory *memory, char *version,
			 size_t size);

/*
 * The addresses of all PyInterpreterState, newest first; none before 3.12, where they share one
 * allocator state. *is_whole: whether the list ends with the main interpreter. Otherwise some may
 * be missing: interpreters ended each time while the list was read, or it is damaged. Returns as
 * interpreter_list__read().
 */
int python__interpreters(const struct python *python, const struct memory *memory, uint64_t **out,
			 size_t *cnt, bool *is_whole);

/*
 * How many interpreters have ended since the Python started; 0 before 3.12, or if that cannot be
 * read.
 */
uint64_t python__ended_interpreters(const struct python *python, const struct memory *memory);
