/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes a census of a heap that was read from a process, and finds what that needs in the process.
 */
#pragma once

#include "census/census.h"
#include "source/heap_source.h"
#include "util/failure.h"

/*
 * As census__take(), and describes errors in @failure. @source and @heap must outlive the census.
 */
int source_census__take(struct census **out, const struct heap_source *source,
			const struct heap *heap, struct failure *failure);
