/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glibc's malloc, in the report for a person.
 */
#pragma once

#include <stdio.h>

#include "analysis/malloc_use.h"

/* For a process that has @resident_bytes in RAM; 0: not known. */
void text_malloc__write(const struct malloc_use *use, uint64_t resident_bytes, FILE *out);
