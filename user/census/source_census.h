/* SPDX-License-Identifier: BSD-2-Clause */
/* A census of a heap that was read from a process: what it takes is found there. */
#pragma once

#include "census/census.h"
#include "source/heap_source.h"
#include "util/failure.h"

/* As census__take(); errors are described. @heap, and @source, must outlive the census. */
int source_census__take(struct census **out, const struct heap_source *source,
			const struct heap *heap, struct failure *failure);
