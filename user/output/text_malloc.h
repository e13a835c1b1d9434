/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glibc's malloc, in the report for a person.
 */
#pragma once

#include <stdio.h>

#include "analysis/malloc_use.h"

void text_malloc__write(const struct malloc_use *use, FILE *out);
