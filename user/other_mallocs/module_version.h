/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The version of an allocator, from the text that it has of it. It stands in the file of the
 * program or library, mostly on a page that the target has never read; so the file is read, not
 * the target's memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "target/target.h"

/*
 * Whether @text, which ends with '\0', is that of a version; then the version is copied to @version
 * of @size bytes.
 */
typedef bool version_match_fn(const char *text, char *version, size_t size);

/* "5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c", as jemalloc has it: "5.3.0". */
bool version__match_jemalloc(const char *text, char *version, size_t size);

/* "gperftools 2.10": "2.10". */
bool version__match_gperftools(const char *text, char *version, size_t size);

/*
 * Searches the file that @mapping is of, at most the first 256 MiB. @version is unchanged if there
 * is no such text, or the file cannot be read. Returns 0, -ENOMEM or -ETIME.
 */
int module_version__find(const struct target *target, const struct mapping *mapping,
			 version_match_fn *match, char *version, size_t size);
