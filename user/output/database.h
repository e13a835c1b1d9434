/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap as an SQLite database: arenas, pools, blocks, objects, who refers to whom, and views of it
 * that answer what is mostly asked. docs/database.md describes the schema; its version is in the
 * table `meta`.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "census/graph.h"
#include "census/retention.h"
#include "census/roots.h"
#include "output/report.h"
#include "stacks/site_ledger.h"
#include "util/failure.h"

#define DATABASE_SCHEMA_VERSION 1

/* What goes into it. All but the report's findings and census must be there; nothing is owned. */
struct database_content {
	const struct report *report;
	const struct heap *heap;
	const struct graph *graph;
	const struct roots *roots;
	const struct retention *retention;
	const struct site_ledger *ledger; /* of a trace; NULL: no sites are known */
	bool no_values;
	/* Called now and then with the rows written; may be NULL. */
	void (*progress)(uint64_t done_rows, uint64_t all_rows);
};

/*
 * Writes a new database into the empty file behind @fd, which is open for reading and writing and
 * stays the caller's. Returns 0, or -EIO, -EDQUOT (or another negative errno) and then @failure
 * says why; what is in the file by then is of no use.
 */
int database__write(int fd, const struct database_content *content, struct failure *failure);
