/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of a process by use, as text. */
#pragma once

#include <stdio.h>

#include "analysis/memory_use.h"
#include "analysis/outside_objects.h"
#include "analysis/top_owners.h"
#include "census/census.h"

/* @mallocs: the other allocators that @use has; NULL: not known. */
void text_memory__write(const struct memory_use *use, const struct other_mallocs *mallocs,
			double age_s, FILE *out);
void text_memory__write_tops(const struct census *census, const struct top_owners *tops, FILE *out);
void text_memory__write_outside(const struct census *census, const struct outside_objects *objects,
				uint64_t in_use_bytes, FILE *out);
