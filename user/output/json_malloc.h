/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glibc's malloc, in the JSON report.
 */
#pragma once

#include <jansson.h>

#include "analysis/malloc_use.h"

/*
 * An array of mallocs, of a process that has @resident_bytes in RAM (0: not known). A new
 * reference, NULL without memory.
 */
json_t *json_malloc__report(const struct malloc_use *use, uint64_t resident_bytes);
