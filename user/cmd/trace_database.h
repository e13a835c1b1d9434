/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in a traced heap at the end, as a database: that of a snapshot, and where its blocks were
 * allocated.
 */
#pragma once

#include "cmd/output.h"
#include "pymalloc/heap.h"
#include "stacks/site_ledger.h"

/*
 * Writes to options->output_path what @output is made of, and the census of @heap. @ledger: NULL,
 * no sites are known. Returns 0, or negative errno and @failure says what.
 */
int trace_database__write(const struct output *output, const struct findings *findings,
			  const struct heap *heap, const struct site_ledger *ledger,
			  struct failure *failure);
