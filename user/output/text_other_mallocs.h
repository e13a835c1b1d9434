/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocators other than glibc's malloc as text. */
#pragma once

#include <stdio.h>

#include "analysis/other_malloc_use.h"

void text_other_mallocs__write(const struct other_mallocs *mallocs, const struct memory_use *use,
			       FILE *out);

/* Says which allocators may have unexplained memory. */
void text_loaded_mallocs__write(const struct loaded_mallocs *mallocs, const struct memory_use *use,
				FILE *out);
